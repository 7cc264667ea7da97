"""Logins, and roles without the person, at a real provider: npm oidc-provider, over real sockets."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from pydantic import SecretStr

from bot.adapters.clock import SystemClock
from bot.adapters.oidc import CALLBACK, OidcProvider
from bot.adapters.seal import KeySeal
from bot.ports import LoggedIn, LoginRefused
from tests.oidc.real import Browser, RealProvider, browser, provider, running_provider
from tests.oidc.worlds import BY_OIDC, InForce, asked, policy

__all__ = ["browser", "provider", "running_provider"]
pytestmark = [pytest.mark.requirement("P8"), pytest.mark.timeout(60)]
ORIGIN = "http://127.0.0.1:9"  # nobody listens: the browser of the tests stops before it
SEAL = KeySeal(SecretStr("correct-horse-battery-staple-0123456789"))
STRONG = {"acr": "urn:test:mfa", "amr": ["pwd", "mfa"]}
ROLE = "Deploy.PlatformLead"


class At:
    """Our client at the provider, and the person's browser."""

    def __init__(self, logins: OidcProvider, browser: Browser) -> None:
        self.logins = logins
        self.browser = browser

    async def log_in(self, *, step_up: bool = True) -> LoggedIn:
        challenge, intent = asked(SystemClock().now())
        nonce = challenge.digest(intent)
        url, facts = await self.logins.begin(challenge, nonce=nonce, step_up=step_up)
        back = await self.browser.log_in(url, ORIGIN + CALLBACK)
        brought = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        if "error" in brought:
            raise AssertionError(brought["error"])
        challenge = replace(challenge, facts={**facts, "iss": brought.get("iss")})
        return await self.logins.finish(challenge, nonce=nonce, code=brought["code"])

    async def refusal(self) -> LoginRefused:
        with pytest.raises(LoginRefused) as caught:
            await self.log_in()
        return caught.value

    async def refusal_of_roles(self, refresh: str) -> str:
        with pytest.raises(LoginRefused) as caught:
            await self.logins.roles(refresh)
        return caught.value.code


@pytest.fixture
def at(provider: RealProvider, browser: Browser, session: aiohttp.ClientSession) -> Callable[..., At]:
    def made(login: str | None = None, role: str = BY_OIDC, **metadata: Any) -> At:
        client = provider.register(ORIGIN + CALLBACK, **metadata)
        in_force = InForce(policy(role=role) if login is None else policy(login, role))
        logins = OidcProvider(
            session,
            SystemClock(),
            SEAL,
            issuer=provider.issuer,
            client_id=client.client_id,
            client_secret=client.client_secret,
            origin=ORIGIN,
            in_force=in_force,
        )
        return At(logins, browser)

    return made


async def test_a_login_with_a_second_factor_is_taken(at: Callable[..., At], provider: RealProvider) -> None:
    provider.tell(**STRONG)

    found = await at().log_in()

    assert found.subject == f"{provider.issuer} ada-subject"
    assert (found.acr, found.amr) == ("urn:test:mfa", ("pwd", "mfa"))


@pytest.mark.parametrize("auth", ["client_secret_basic", "client_secret_post", "none"])
@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_every_kind_of_client_and_signature_works(
    at: Callable[..., At], provider: RealProvider, auth: str, alg: str
) -> None:
    provider.tell(**STRONG)

    found = await at(token_endpoint_auth_method=auth, id_token_signed_response_alg=alg).log_in()

    assert found.acr == "urn:test:mfa"


@pytest.mark.parametrize(
    ("told", "claim"),
    [
        ({}, "acr"),
        ({"amr": ["pwd"]}, "acr"),
        ({"acr": "urn:test:pwd", "amr": ["pwd", "mfa"]}, "acr"),
        ({"acr": "urn:test:mfa", "amr": ["pwd"]}, "amr"),
    ],
)
async def test_a_weak_login_is_refused_although_a_strong_one_was_asked_for(
    at: Callable[..., At], provider: RealProvider, told: dict[str, Any], claim: str
) -> None:
    provider.tell(**told)

    no = await at().refusal()

    assert (no.code, no.facts["claim"]) == ("login-weak", claim)


async def test_a_session_that_is_reused_is_refused_although_a_fresh_login_was_asked_for(
    at: Callable[..., At], provider: RealProvider
) -> None:
    provider.tell(**STRONG, ago=600)
    assert (await at().refusal()).code == "login-stale"  # the session stands from here on

    provider.tell(ago=0, reuse=True, acr=None, amr=None)
    no = await at().refusal()

    assert no.code == "login-stale"
    assert isinstance(seconds := no.facts["seconds"], int)
    assert 595 < seconds < 660


async def test_an_honest_provider_logs_in_anew_over_an_old_session(
    at: Callable[..., At], provider: RealProvider
) -> None:
    provider.tell(**STRONG, ago=600)
    await at().refusal()
    provider.tell(ago=0)

    assert (await at().log_in()).subject.endswith(" ada-subject")


async def test_another_person_at_the_browser_is_another_subject(
    at: Callable[..., At], provider: RealProvider
) -> None:
    provider.tell(**STRONG, account="mallory-subject")

    assert (await at().log_in()).subject == f"{provider.issuer} mallory-subject"


async def test_a_context_of_conditional_access_is_found_in_the_token(
    at: Callable[..., At], provider: RealProvider
) -> None:
    provider.tell(claims={"acrs": ["c1"], "oid": "object-1", "tid": "tenant-1"})

    found = await at(login="{subject: oid, acrs: [c1]}").log_in()

    assert found.subject == f"{provider.issuer} tenant-1/object-1"


# Roles, asked without the person


async def test_no_lasting_access_is_taken_where_no_role_needs_it(
    at: Callable[..., At], provider: RealProvider
) -> None:
    provider.tell(**STRONG, claims={"roles": [ROLE]})

    found = await at(role="{people: [ada]}").log_in(step_up=False)

    assert (found.refresh, found.roles) == (None, frozenset())


async def test_consent_to_lasting_access_is_asked_for_at_enrolment(
    at: Callable[..., At], provider: RealProvider
) -> None:
    provider.tell(**STRONG, offline=False)
    made = at()

    assert (await made.log_in(step_up=True)).refresh is None
    assert (await made.log_in(step_up=False)).refresh is not None


@pytest.mark.parametrize("rotate", [True, False])
async def test_roles_are_asked_live_and_follow_what_the_provider_says_now(
    at: Callable[..., At], provider: RealProvider, rotate: bool
) -> None:
    provider.tell(**STRONG, claims={"roles": [ROLE, "Reader"]}, rotate=rotate)
    made = at()
    found = await made.log_in()
    assert found.roles == {ROLE, "Reader"}
    assert found.refresh is not None

    provider.tell(claims={"roles": "Reader"})  # one text instead of a list
    roles, text = await made.logins.roles(found.refresh)
    assert roles == {"Reader"}

    provider.tell(claims={})
    roles, again = await made.logins.roles(text)
    assert roles == frozenset()
    assert (text == found.refresh, again == text) == (not rotate, not rotate)


async def test_groups_that_stand_in_userinfo_alone_are_found(
    at: Callable[..., At], provider: RealProvider
) -> None:
    provider.tell(**STRONG, claims={"groups": [ROLE]})
    made = at(login="{amr: [mfa], roles_claim: groups}")

    found = await made.log_in()
    assert found.roles == {ROLE}
    assert found.refresh is not None

    provider.tell(claims={"groups": []})
    assert (await made.logins.roles(found.refresh))[0] == frozenset()


async def test_whoever_asks_with_a_replaced_grant_is_led_to_its_successor(
    at: Callable[..., At], provider: RealProvider
) -> None:
    """This provider, as others, ends every grant of a person whose replaced token is seen a second time."""
    provider.tell(**STRONG, claims={"roles": [ROLE]})
    made = at()
    first = (await made.log_in()).refresh
    assert first is not None

    for _ in range(3):
        assert (await made.logins.roles(first))[0] == {ROLE}


async def test_a_grant_that_was_revoked_gives_no_roles(at: Callable[..., At], provider: RealProvider) -> None:
    provider.tell(**STRONG, claims={"roles": [ROLE]})
    made = at()
    text = (await made.log_in()).refresh
    assert text is not None

    provider.tell(revoke=True)

    assert await made.refusal_of_roles(text) == "grant-revoked"


async def test_an_account_that_is_gone_gives_no_roles(at: Callable[..., At], provider: RealProvider) -> None:
    provider.tell(**STRONG, claims={"roles": [ROLE]})
    made = at()
    text = (await made.log_in()).refresh
    assert text is not None

    provider.tell(gone=["ada-subject"])

    assert await made.refusal_of_roles(text) == "grant-revoked"
