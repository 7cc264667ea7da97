"""Reads CODEOWNERS by GitHub's rules: the last rule that fits decides, and a line that GitHub cannot read is skipped.

The patterns are matched by the `codeowners` package; what it does otherwise than GitHub documents is kept away from it
here (docs/decisions/0007-github-by-gidgethub.md lists what and why).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from codeowners import CodeOwners

from bot.domain.repository import Owners

LARGEST: Final = 3 * 1024 * 1024 - 1  # GitHub loads files under 3 MB
_LINES: Final = re.compile(r"\r\n|\r|\n")
_WORDS: Final = re.compile(r"(?:\\.?|[^\s\\])+", re.ASCII)
_LOGIN: Final = re.compile(r"@[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_TEAM: Final = re.compile(r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?/[A-Za-z0-9_][A-Za-z0-9._-]*")
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_UNSUPPORTED: Final = re.compile(r"^!|^\\#|[\[\]#]|\*{3}|\\$|[\x00-\x1f\x7f]")
_STAND_INS: Final = str.maketrans({" ": "\x00", "\n": "\x01"})
"""The package puts twenty slashes in the place of a space, so that `file.txt` fits `not file.txt` and `docs/*` does not
fit `docs/a b`. It never sees one: git has no NUL in a name, and a rule with \\x01 in it is skipped."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: a pattern as the package gets it, and its owners in lower case. Without owners it takes away those
    that an earlier rule gave."""

    line: int
    pattern: str
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """A CODEOWNERS file. `skipped` are the numbers of the lines that GitHub skips too, for being no rule."""

    rules: tuple[Rule, ...]
    skipped: tuple[int, ...]

    @property
    def patterns(self) -> list[str]:
        """What `deciding` is asked with."""
        return [rule.pattern for rule in self.rules]

    def owners(self, decided: Sequence[int | None], path: str) -> Owners:
        """The owners of the files that these rules decided about, one number a file; `path` is of the CODEOWNERS."""
        unowned = sum(at is None or not self.rules[at].owners for at in decided)
        found = {owner for at in set(decided) if at is not None for owner in self.rules[at].owners}
        return Owners(
            path=path,
            logins=frozenset(o.removeprefix("@") for o in found if o.startswith("@") and "/" not in o),
            teams=frozenset(o.removeprefix("@") for o in found if "/" in o),
            emails=frozenset(o for o in found if not o.startswith("@")),
            unowned=unowned,
            skipped=len(self.skipped),
        )


def deciding(patterns: Sequence[str], files: Sequence[str]) -> list[int | None]:
    """Which pattern decides about each file: the number of the last that fits, from 0, or None.

    Patterns are those of `Rules`. How long it takes is up to whoever wrote them, so the bot itself asks
    `bot.adapters.codeowners_match`.
    """
    parsed = CodeOwners("\n".join(f"{pattern} @_" for pattern in patterns))  # so that lines number the rules
    numbers = (parsed.matching_line(file.translate(_STAND_INS))[1] for file in files)
    return [None if number is None else number - 1 for number in numbers]


def rules_in(text: str) -> Rules:
    """The rules of a CODEOWNERS file, in its order."""
    rules: list[Rule] = []
    skipped: list[int] = []
    for number, line in enumerate(_LINES.split(text.removeprefix("\ufeff")), start=1):
        words = _without_comment(line)
        rule = _rule(number, *words) if words else None
        if rule is not None:
            rules.append(rule)
        elif words:
            skipped.append(number)
    return Rules(tuple(rules), tuple(skipped))


def _without_comment(line: str) -> list[str]:
    """The words of a line, up to one that begins with `#`. A backslash keeps a space inside a word."""
    words: list[str] = _WORDS.findall(line)
    comment = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:comment]


def _rule(number: int, pattern: str, *owners: str) -> Rule | None:
    """The rule of a line, or None where it is none: one word that is no owner makes the whole line invalid."""
    spaceless = pattern.replace("\\ ", "\\_")
    odd_space = any(char.isspace() for char in spaceless) or len(spaceless.splitlines()) > 1
    if odd_space or _UNSUPPORTED.search(spaceless) or not all(map(_is_owner, owners)):
        return None
    return Rule(number, pattern.replace("\\ ", "\x00"), tuple(owner.lower() for owner in owners))


def _is_owner(word: str) -> bool:
    return any(kind.fullmatch(word) for kind in (_LOGIN, _TEAM, _EMAIL))
