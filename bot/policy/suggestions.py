"""The guess at what was meant by a misspelt name."""

from collections.abc import Iterable
from difflib import get_close_matches


def meant(word: str, known: Iterable[str]) -> str:
    """A clause `; did you mean 'production'?`, or nothing where no known word comes near."""
    spelt = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), spelt, n=1, cutoff=0.6)
    return f"; did you mean {spelt[near[0]]!r}?" if near else ""
