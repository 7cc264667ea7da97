"""What a token is for: never nothing, and nothing but what it says."""

import pytest
from pydantic import SecretStr

from bot.domain.api_token import EVERYTHING, ApiToken, Grant, Scope


def test_a_grant_allows_what_it_names_and_nothing_else() -> None:
    for scope in Scope:
        grant = Grant(frozenset({scope}))
        assert [each for each in Scope if grant.allows(each)] == [scope]
        assert grant.words == (scope.value,)
    assert all(EVERYTHING.allows(each) for each in Scope)
    assert EVERYTHING.everything
    assert not Grant(frozenset({Scope.READ, Scope.EVIDENCE, Scope.ALERTS})).everything


@pytest.mark.parametrize(
    "asked", [None, "", "nightly", "staging/backup", "backup/", "BACKUP", "production/backup"]
)
def test_one_heartbeat_is_that_address_alone(asked: str | None) -> None:
    grant = Grant(heartbeats=frozenset({"backup"}))
    assert not grant.allows(Scope.HEARTBEATS, asked)
    assert grant.allows(Scope.HEARTBEATS, "backup")
    assert not any(grant.allows(each, "backup") for each in Scope if each is not Scope.HEARTBEATS)


@pytest.mark.parametrize(
    ("scopes", "heartbeats"),
    [
        ((), ()),
        ((Scope.HEARTBEATS,), ("backup",)),
        ((), ("",)),
        ((), ("a/b/c",)),
        ((), ("/backup",)),
        ((), ("back up",)),
        ((), ("backup\n",)),
    ],
)
def test_what_nobody_can_mean_is_no_grant(scopes: tuple[Scope, ...], heartbeats: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"a token is for|all heartbeats|a heartbeat is"):
        Grant(frozenset(scopes), frozenset(heartbeats))


def test_a_token_shows_its_name_and_never_itself() -> None:
    token = ApiToken(name="ci", secret=SecretStr("hunter2hunter2hunter2"))
    assert token.grant is EVERYTHING
    assert "hunter2" not in f"{token!r} {token}"
    with pytest.raises(ValueError, match="in lower case"):
        ApiToken(name="CI", secret=SecretStr("hunter2hunter2hunter2"))
