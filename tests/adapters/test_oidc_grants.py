"""What outlasts a login: sealed for one person, used by one asker at a time, and believed about that person alone."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.adapters.oidc import OidcProvider
from bot.adapters.oidc_grants import Grant, Grants
from bot.adapters.seal import KeySeal
from bot.ports import LoginRefused
from tests.adapters.conftest import Serve, StoppedClock
from tests.oidc.lying import CLIENT, OTHER_RSA, Lying, hangs, says, signed
from tests.oidc.worlds import BY_OIDC, InForce, policy

pytestmark = pytest.mark.requirement("P8")
SEAL = KeySeal(SecretStr("correct-horse-battery-staple-0123456789"))
ROLE = "Deploy.PlatformLead"
Make = Callable[..., OidcProvider]


@pytest.fixture
async def liar(serve: Serve, clock: StoppedClock) -> Lying:
    provider = Lying(clock.now)
    provider.issuer = f"http://{await serve(provider.app())}"
    provider.claims = {"roles": [ROLE]}
    provider.without = {"nonce", "acr", "amr"}  # as of a token without the person
    return provider


@pytest.fixture
def make(liar: Lying, session: aiohttp.ClientSession, clock: StoppedClock) -> Make:
    def made(**changes: Any) -> OidcProvider:
        usual: dict[str, Any] = {
            "issuer": liar.issuer,
            "client_id": CLIENT,
            "client_secret": None,
            "origin": "https://portcullis.acme.example",
            "in_force": InForce(policy(role=BY_OIDC)),
            "timeout_s": 1,
        }
        return OidcProvider(session, clock, SEAL, **(usual | changes))

    return made


def grant_at(liar: Lying, clock: StoppedClock, **changes: str) -> str:
    usual = {"token": "refresh-0", "sub": "ada-subject", "subject": f"{liar.issuer} ada-subject"}
    return Grants(clock, SEAL).sealed(Grant(**(usual | changes)))


async def refused(provider: OidcProvider, text: str) -> LoginRefused:
    with pytest.raises(LoginRefused) as caught:
        await provider.roles(text)
    return caught.value


async def test_roles_are_asked_with_the_grant_and_without_the_person(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    text = grant_at(liar, clock)
    clock.pass_seconds(86400)
    liar.claims["auth_time"] = int(clock.now().timestamp()) - 86400  # of the login that the grant is from

    assert await make().roles(text) == ({ROLE}, text)
    assert liar.forms == [{"grant_type": "refresh_token", "refresh_token": "refresh-0", "client_id": CLIENT}]


async def test_whose_grant_it_is_can_be_read_and_what_it_is_cannot(liar: Lying, clock: StoppedClock) -> None:
    text = grant_at(liar, clock)

    assert text.partition(" ")[2] == f"{liar.issuer} ada-subject"
    assert "refresh-0" not in text


@pytest.mark.parametrize(
    "alter",
    [
        lambda text: text.replace("ada-subject", "bo-subject"),
        lambda text: text[:20] + "A" + text[21:],
        lambda text: text.partition(" ")[0],
        lambda text: "",
    ],
)
async def test_a_grant_does_not_open_as_another_persons(
    make: Make, liar: Lying, clock: StoppedClock, alter: Callable[[str], str]
) -> None:
    assert (await refused(make(), alter(grant_at(liar, clock)))).code == "grant-broken"
    assert liar.asked == []


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"sub": "bo-subject"}, "other-person"),
        ({"aud": "somebody-else"}, "audience-wrong"),
        ({"iss": "https://evil.example"}, "issuer-wrong"),
        ({"iat": 0}, "token-old"),
        ({"exp": 1}, "token-expired"),
    ],
)
async def test_an_answer_that_is_not_about_this_person_now_gives_no_roles(
    make: Make, liar: Lying, clock: StoppedClock, claims: dict[str, Any], code: str
) -> None:
    liar.claims |= claims

    assert (await refused(make(), grant_at(liar, clock))).code == code


async def test_the_object_of_a_tenant_has_to_stay_the_same_as_well(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.claims |= {"tid": "t1", "oid": "o2"}
    entra = make(in_force=InForce(policy("{subject: oid, acrs: [c1]}", BY_OIDC)))

    no = await refused(entra, grant_at(liar, clock, subject=f"{liar.issuer} t1/o1"))

    assert no.code == "other-person"


async def test_a_forged_answer_gives_no_roles(make: Make, liar: Lying, clock: StoppedClock) -> None:
    liar.token = lambda claims: signed(claims, OTHER_RSA)

    assert (await refused(make(), grant_at(liar, clock))).code == "signature-wrong"


async def test_without_an_id_token_userinfo_has_to_be_about_the_same_person(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.token, liar.userinfo = (lambda _: None), {"roles": ROLE}
    assert (await make().roles(grant_at(liar, clock)))[0] == {ROLE}

    liar.userinfo = {"roles": ROLE, "sub": "bo-subject"}
    assert (await refused(make(), grant_at(liar, clock))).code == "other-person"


async def test_userinfo_of_another_person_adds_no_roles_to_a_token(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.without = {"roles"}
    liar.userinfo = {"roles": ROLE, "sub": "bo-subject"}

    assert (await refused(make(), grant_at(liar, clock))).code == "other-person"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (says(400, {"error": "invalid_grant"}), "grant-revoked"),
        (says(401, {"error": "invalid_client"}), "client-refused"),
        (says(500, {}), "provider-silent"),
        (says(302, {}, Location="https://evil.example/"), "provider-redirects"),
        (hangs, "provider-silent"),
    ],
)
async def test_no_answer_is_no_role(
    make: Make, liar: Lying, clock: StoppedClock, answer: Any, code: str
) -> None:
    liar.answers["token"] = answer

    assert (await refused(make(timeout_s=0.2), grant_at(liar, clock))).code == code


async def test_a_grant_is_shown_to_the_provider_by_one_asker_at_a_time(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    """A provider that replaces its tokens takes one that it sees twice for stolen."""
    seen: list[str] = []

    async def replaces(request: web.Request) -> web.Response:
        shown = str((await request.post())["refresh_token"])
        assert shown not in seen
        seen.append(shown)
        await asyncio.sleep(0.01)
        token = signed(liar.claimed())
        return web.json_response({"id_token": token, "refresh_token": f"refresh-{len(seen)}"})

    liar.answers["token"] = replaces
    provider, text = make(), grant_at(liar, clock)

    answers = await asyncio.gather(*(provider.roles(text) for _ in range(5)))

    assert [roles for roles, _ in answers] == [{ROLE}] * 5
    assert seen == [f"refresh-{n}" for n in range(5)]
    assert len({following for _, following in answers}) == 5


async def test_a_replaced_grant_is_kept_although_the_rest_of_the_answer_is_refused(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.more, liar.claims["exp"] = {"refresh_token": "refresh-1"}, 1
    provider, text = make(), grant_at(liar, clock)
    await refused(provider, text)

    del liar.claims["exp"]
    await provider.roles(text)

    assert [form["refresh_token"] for form in liar.forms] == ["refresh-0", "refresh-1"]


async def test_persons_do_not_wait_for_each_other(make: Make, liar: Lying, clock: StoppedClock) -> None:
    grants = Grants(clock, SEAL)
    ada = grants.sealed(Grant(token="a", sub="ada", subject="i ada"))
    bo = grants.sealed(Grant(token="b", sub="bo", subject="i bo"))

    async with grants.of(ada), grants.of(bo) as found:
        assert found.token == "b"
    assert "token='b'" not in repr(found)
