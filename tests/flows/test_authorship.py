"""Who somebody is known as, compared with what commits and CI say of authors."""

import pytest

from bot.domain.identity import Identity, Provider
from bot.domain.repository import Author
from bot.flows.accounts import marks_in, marks_of, marks_of_author
from bot.policy import Person
from tests.flows.fakes import TUESDAY_TEN

ADA = Person.model_validate({"slack": "U01ADA", "github": "Ada-L", "email": "Ada@acme.example"})
LINK = Identity(
    provider=Provider.GITHUB,
    subject="101",
    person="ada",
    label="once-called-so",
    linked_at=TUESDAY_TEN,
    linked_by="host:root",
)
KNOWN = marks_of("ada", ADA, [LINK])

WRITTEN = {
    "ada": True,
    "ADA-L": True,
    " ada-l ": True,
    "@ada-l": True,
    "ada@ACME.example": True,
    "Ada Lind <ada@acme.example>": True,
    "Somebody <somebody@acme.example>": False,
    "101": True,
    "102": False,
    "101+new-name@users.noreply.github.com": True,
    "ada-l@users.noreply.github.com": True,
    "102+ada-l@users.noreply.github.com": True,  # the login is hers, whatever the number says
    "102+bo@users.noreply.github.com": False,
    "once-called-so": False,  # the label of a link is shown and never compared
    "U01ADA": False,
    "": False,
}


@pytest.mark.requirement("P9")
@pytest.mark.parametrize(("word", "fits"), WRITTEN.items())
def test_what_ci_writes_is_compared_with_everything_that_is_known(word: str, fits: bool) -> None:
    assert KNOWN.fits(marks_in(word)) == fits


AUTHORS = {
    "by id": (Author(account="101", login="somebody-else-now"), True),
    "by login": (Author(account="999", login="ada-l"), True),
    "by address": (Author(email="ADA@acme.example"), True),
    "somebody else": (Author(account="102", login="bo", email="bo@acme.example"), False),
    "nothing known": (Author(), False),
}


@pytest.mark.requirement("P9")
@pytest.mark.parametrize(("author", "fits"), AUTHORS.values(), ids=AUTHORS.keys())
def test_any_one_thing_that_fits_makes_somebody_an_author(author: Author, fits: bool) -> None:
    assert KNOWN.fits(marks_of_author(author)) == fits


def test_an_author_of_whom_nothing_is_known_is_told_apart_from_nobody() -> None:
    assert marks_of_author(Author()).none
    assert not marks_of_author(Author(login="x")).none


def test_links_at_other_providers_are_no_github_ids() -> None:
    other = Identity(
        provider=Provider.SLACK,
        subject="T1/101",
        person="ada",
        label="x",
        linked_at=TUESDAY_TEN,
        linked_by="x",
    )
    assert marks_of("ada", None, [other]).ids == frozenset()
