"""PORTCULLIS_API_TOKENS: what stood there before means what it meant, and no mistake makes a token of everything."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.adapters.own_secrets import secrets_in
from bot.domain.api_token import EVERYTHING, ApiToken, Grant, Scope
from bot.setting_values import api_tokens

A, B = "hunter2-hunter2-a", "hunter2-hunter2-b"
KNOWN = "; there are evidence, heartbeats, alerts, read and heartbeat/NAME, as in name:scope+scope=token"
PAIR = (
    "pair {} is not name=token or name:scope+scope=token (a name in lower case, a token of 16 characters or more, no "
    "space and no comma within)"
)
BEHIND = "pair 1: behind heartbeat/ stands the NAME or the ENVIRONMENT/NAME of one heartbeat"


def read(value: str) -> dict[str, tuple[str, ...]]:
    """The tokens by name, with what each is for."""
    found = api_tokens(value)
    assert isinstance(found, tuple)
    assert {each.secret.get_secret_value() for each in found} <= {A, B}
    return {each.name: each.grant.words for each in found}


def wrong(value: str) -> str:
    """What is said of a value that is refused."""
    with pytest.raises(ValueError, match="pair") as caught:
        api_tokens(value)
    assert caught.value.__cause__ is None
    return str(caught.value)


ALL = tuple(Scope)
READ = [
    ("", {}),
    (" , \n", {}),
    (f"ci={A}", {"ci": ALL}),
    (f"ci={A},other={B}", {"ci": ALL, "other": ALL}),
    (f"ci:evidence={A}", {"ci": ("evidence",)}),
    (f"ci:read+evidence={A}\n other={B}", {"ci": ("evidence", "read"), "other": ALL}),
    (f"am:alerts={A},,  job:heartbeats={B},", {"am": ("alerts",), "job": ("heartbeats",)}),
    (f"job:heartbeat/backup={A}", {"job": ("heartbeat/backup",)}),
    (
        f"job:heartbeat/staging/nightly+heartbeat/B.1_x-y+read={A}",
        {"job": ("read", "heartbeat/B.1_x-y", "heartbeat/staging/nightly")},
    ),
    (f"job:heartbeat/heartbeats={A}", {"job": ("heartbeat/heartbeats",)}),
    (f"ci:alerts+read+heartbeats+evidence={A}", {"ci": ALL}),
]


@pytest.mark.parametrize(("value", "found"), READ)
def test_a_pair_is_for_what_it_says_and_without_scopes_for_everything(
    value: str, found: dict[str, tuple[str, ...]]
) -> None:
    assert read(value) == found


@pytest.mark.parametrize(
    "token", ["x" * 16, "abc:evidence=defghij", "[read]+hunter2/heart", "=" * 16, ":" * 256]
)
def test_a_token_may_hold_whatever_it_held_before(token: str) -> None:
    (found,) = api_tokens(f"ci={token}")  # type: ignore[misc]
    assert (found.secret.get_secret_value(), found.grant) == (token, EVERYTHING)
    (found,) = api_tokens(f"ci:read={token}")  # type: ignore[misc]
    assert (found.secret.get_secret_value(), found.grant.words) == (token, ("read",))


WRONG = [
    # An empty list is no list of everything.
    (f"ci:={A}", f"pair 1 has an empty scope{KNOWN}"),
    (f"ci:+={A}", f"pair 1 has an empty scope{KNOWN}"),
    (f"ci:read+={A}", f"pair 1 has an empty scope{KNOWN}"),
    (f"ci:+read={A}", f"pair 1 has an empty scope{KNOWN}"),
    (f"ci:read++alerts={A}", f"pair 1 has an empty scope{KNOWN}"),
    # Nor is one that is broken by white space, commas or brackets.
    (f"ci: read={A}", PAIR.format(1)),
    (f"ci :read={A}", PAIR.format(1)),
    (f"ci:read ={A}", PAIR.format(1)),
    (f"ci:read+ alerts={A}", PAIR.format(1)),
    (f"ci:read,alerts={A}", PAIR.format(1)),
    (f"ci:read, alerts={A}", PAIR.format(1)),
    (f"ci[read]={A}", PAIR.format(1)),
    (f"other={B} ci[read,alerts]={A}", PAIR.format(2)),
    (f":read={A}", PAIR.format(1)),
    (f"other={B} :read={A}", PAIR.format(2)),
    (f"ci\u00a0:read={A}", PAIR.format(1)),
    # Case counts, and what is no scope is named where it cannot be a secret.
    (f"ci:Read={A}", f"pair 1 says “Read”, which is no scope{KNOWN}"),
    (f"CI:read={A}", PAIR.format(1)),
    (f"other={B} ci:evidnece+read={A}", f"pair 2 says “evidnece”, which is no scope{KNOWN}"),
    (f"ci:heartbeat={A}", f"pair 1 says “heartbeat”, which is no scope{KNOWN}"),
    (f"ci:*={A}", f"pair 1 says something, which is no scope{KNOWN}"),
    (f"ci:hunter2={A}", f"pair 1 says something, which is no scope{KNOWN}"),
    (f"ci:hunterhunterhunter={A}", f"pair 1 says something, which is no scope{KNOWN}"),
    (f"ci:read:alerts={A}", f"pair 1 says something, which is no scope{KNOWN}"),
    (f"ci:reаd={A}", f"pair 1 says something, which is no scope{KNOWN}"),  # a Cyrillic а
    (f"ci:Heartbeat/backup={A}", f"pair 1 says something, which is no scope{KNOWN}"),
    (f"ci:heartbeat/={A}", BEHIND),
    (f"ci:heartbeat//backup={A}", BEHIND),
    (f"ci:heartbeat/a/b/c={A}", BEHIND),
    (f"ci:heartbeat/*={A}", BEHIND),
    (f"ci:heartbeat/../x={A}", BEHIND),
    (f"ci:heartbeat/back%2Fup={A}", BEHIND),
    # A token that ends with = as base64 does, written where the scopes belong.
    ("ci:aHVudGVyMmh1bnRlcjI==", PAIR.format(1)),
    (f"ci:{A}", PAIR.format(1)),
    ("ci:read=hunter2", PAIR.format(1)),
    ("ci:read=", PAIR.format(1)),
    # Contradictions.
    (f"ci:read+read={A}", "pair 1 says a scope twice"),
    (f"ci:heartbeat/a+heartbeat/a={A}", "pair 1 says a scope twice"),
    (f"ci:heartbeats+heartbeat/a={A}", "pair 1 says heartbeats, which is all of them, and one of them as well"),
    (f"ci:read={A} ci:alerts={B}", "pair 2 has the same name as another one"),
    (f"ci={A} ci:alerts={B}", "pair 2 has the same name as another one"),
    (f"ci:read={A} other:alerts={A}", "pair 2 has the same token as another one; who sent it?"),
    (f"ci:read={A} other={A}", "pair 2 has the same token as another one; who sent it?"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "said"), WRONG)
def test_whatever_is_wrong_is_one_line_without_the_token_and_never_everything(value: str, said: str) -> None:
    line = wrong(value)
    assert line == said
    assert "\n" not in line
    assert "hunter" not in line
    assert "aHVudGVy" not in line


names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
secrets = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=16, max_size=60
)
part = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,10}", fullmatch=True)
places = st.one_of(part, st.builds("{}/{}".format, part, part))
grants = st.one_of(
    st.just(EVERYTHING),
    st.builds(Grant, st.frozensets(st.sampled_from(Scope), min_size=1)),
    st.builds(
        Grant,
        st.frozensets(st.sampled_from([each for each in Scope if each is not Scope.HEARTBEATS])),
        st.frozensets(places, min_size=1, max_size=3),
    ),
)
tokens = st.lists(
    st.builds(lambda n, s, g: ApiToken(name=n, secret=SecretStr(s), grant=g), names, secrets, grants),
    max_size=4,
    unique_by=(lambda t: t.name, lambda t: t.secret.get_secret_value()),
)


def written(token: ApiToken) -> str:
    scopes = "" if token.grant.everything else f":{'+'.join(token.grant.words)}"
    return f"{token.name}{scopes}={token.secret.get_secret_value()}"


@given(tokens, st.sampled_from([" ", ",", "\n", " , "]))
def test_what_is_written_is_read_again(held: list[ApiToken], between: str) -> None:
    assert api_tokens(between.join(map(written, held))) == tuple(held)


@given(tokens)
def test_whoever_hides_our_secrets_by_value_finds_each_token_and_no_scope(held: list[ApiToken]) -> None:
    """The output of monitors is cleaned of what stands in our settings: a scope that counted as a secret would put the
    word evidence out of every answer."""
    hidden = secrets_in({"PORTCULLIS_API_TOKENS": " ".join(map(written, held))})
    assert {each.secret.get_secret_value() for each in held} <= hidden
    words = {word for each in held for word in each.grant.words}
    assert not words & (hidden - {each.secret.get_secret_value().rpartition(":")[2] for each in held})


@given(st.text(max_size=60))
def test_no_text_makes_anything_but_tokens_or_a_line(value: str) -> None:
    found: object = ()
    try:
        found = api_tokens(value)
    except ValueError as error:
        found = (str(error),)
    assert isinstance(found, tuple)
    assert all(isinstance(each, ApiToken) or re.match(r"pair \d+[ :]", each) for each in found)
