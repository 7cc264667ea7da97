"""The public holidays of a country, from the `holidays` package, in one language whatever the host's locale is."""

import warnings
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

_LANGUAGE: Final = "en_US"
_PARTIAL: Final = "Requested Holidays are available only from"


@dataclass(frozen=True, slots=True)
class PublicHoliday:
    """One day of a country's list."""

    day: date
    name: str
    estimated: bool
    """Whether the list only estimates the date, such as one that hangs on the sight of the moon."""


def check_country(country: str, subdivision: str | None) -> None:
    """Raise ValueError with a sentence for a country or subdivision that nobody has a list of holidays for."""
    import holidays  # late here and below: it takes long, and many a policy names no country

    known = holidays.list_supported_countries(include_aliases=True)
    if country not in known:
        raise ValueError(f"no holidays are known for the country {country!r}; write its ISO code, such as US")
    try:
        holidays.country_holidays(country, subdiv=subdivision)
    except NotImplementedError as error:
        codes = ", ".join(known[country]) or "(none)"
        raise ValueError(f"{country} has no subdivision {subdivision!r}; its codes are {codes}") from error


@lru_cache(maxsize=512)
def public_holidays(country: str, subdivision: str | None, year: int) -> tuple[PublicHoliday, ...]:
    """The list of a year, ascending; empty where the country's list does not reach that year."""
    import holidays

    _expect_gaps()
    asked = holidays.country_holidays(country, subdiv=subdivision)
    if not asked.start_year <= year <= asked.end_year:
        return ()  # the package would say so in a warning, which is no answer
    # A language that the list lacks would be replaced by the one of the host's locale.
    language = _LANGUAGE if _LANGUAGE in asked.supported_languages else asked.default_language
    listed = holidays.country_holidays(
        country, subdiv=subdivision, years=[year], expand=False, language=language
    )
    mark = getattr(listed, "estimated_label", None)
    estimate = str(listed.tr(mark)).replace("%s", "").strip() if mark else None
    return tuple(
        PublicHoliday(day, str(name), estimated=estimate is not None and estimate in str(name))
        for day, name in sorted(listed.items())
    )


def _expect_gaps() -> None:
    """Keep off standard error what the package warns of for India outside 2001 to 2035: its Hindu days are not known
    then. A filter for that text alone, since to catch warnings around a call is not safe among threads; it stands only
    once, however often it is set."""
    warnings.filterwarnings("ignore", _PARTIAL, UserWarning)
