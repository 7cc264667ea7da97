"""How our pages are filled in: escaped, complete, and without characters that only turn or hide text."""

from collections.abc import Callable

import jinja2

from handlers.wording.visible import visible


def templates(package: str, asset: Callable[[str], str]) -> jinja2.Environment:
    """The templates of a package; `asset` gives the address of a file of its own. Names that a template does not know
    are errors, not blanks; whatever is put in is escaped."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader(package, "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    found.globals["asset"] = asset
    return found


def _shown(value: object) -> object:
    """What is put into a template shows as what it is; markup of our own passes."""
    plain = isinstance(value, str) and not hasattr(value, "__html__")
    return visible(str(value)) if plain else value
