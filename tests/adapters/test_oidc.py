"""Logins against a provider that lies: everything is checked after the fact, and nothing that was asked for is believed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from pydantic import SecretStr

from bot.adapters.oidc import CALLBACK, OidcProvider
from bot.adapters.oidc_client import challenge_of
from bot.adapters.seal import KeySeal
from bot.domain.second_factor import Challenge
from bot.ports import LoggedIn, LoginRefused
from tests.adapters.conftest import Serve, StoppedClock
from tests.oidc import lying
from tests.oidc.lying import CLIENT, MFA, OTHER_RSA, RSA, Lying, floods, hangs, says, signed
from tests.oidc.worlds import BY_OIDC, InForce, asked, policy

pytestmark = pytest.mark.requirement("P8")
ORIGIN = "https://portcullis.acme.example"
SECRET = SecretStr("s3cret:&/ä-of-a-test")
SEAL = KeySeal(SecretStr("correct-horse-battery-staple-0123456789"))
Make = Callable[..., OidcProvider]


@pytest.fixture
async def liar(serve: Serve, clock: StoppedClock) -> Lying:
    provider = Lying(clock.now)
    provider.issuer = f"http://{await serve(provider.app())}"
    return provider


@pytest.fixture
def make(liar: Lying, session: aiohttp.ClientSession, clock: StoppedClock) -> Make:
    def made(**changes: Any) -> OidcProvider:
        in_force = InForce(policy(**{k: changes.pop(k) for k in ("login", "role") if k in changes}))
        usual: dict[str, Any] = {
            "issuer": liar.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "origin": ORIGIN,
            "in_force": in_force,
            "timeout_s": 1,
        }
        return OidcProvider(session, clock, SEAL, **(usual | changes))

    return made


async def log_in(provider: OidcProvider, liar: Lying, clock: StoppedClock, **facts: Any) -> LoggedIn:
    """The whole way, with a code that the liar does not look at."""
    challenge, nonce = await begun(provider, liar, clock)
    return await provider.finish(
        replace(challenge, facts={**challenge.facts, **facts}), nonce=nonce, code="code-1"
    )


async def begun(provider: OidcProvider, liar: Lying, clock: StoppedClock) -> tuple[Challenge, str]:
    challenge, intent = asked(clock.now())
    nonce = challenge.digest(intent)
    url, facts = await provider.begin(challenge, nonce=nonce, step_up=True)
    liar.begun(url)
    return replace(challenge, facts=facts), nonce


async def refused(provider: OidcProvider, liar: Lying, clock: StoppedClock, **facts: Any) -> LoginRefused:
    with pytest.raises(LoginRefused) as caught:
        await log_in(provider, liar, clock, **facts)
    return caught.value


# What is asked


async def test_a_fresh_login_with_a_second_factor_is_asked_for_this_challenge(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    challenge, intent = asked(clock.now())

    url, facts = await make().begin(challenge, nonce=challenge.digest(intent), step_up=True)

    said = liar.begun(url)
    assert url.startswith(f"{liar.issuer}/authorize?")
    assert said["nonce"] == challenge.digest(intent)
    assert (said["prompt"], said["max_age"], said["acr_values"]) == ("login", "0", MFA)
    assert (said["response_type"], said["code_challenge_method"]) == ("code", "S256")
    assert said["redirect_uri"] == ORIGIN + CALLBACK
    assert said["scope"] == "openid profile"
    assert said["state"].startswith(challenge.id + ".")
    verifier = SEAL.open(str(facts["verifier"]), purpose=f"oidc-verifier {challenge.id}").decode()
    assert said["code_challenge"] == challenge_of(verifier)
    assert said["state"] not in str(facts)
    assert verifier not in str(facts)


async def test_conditional_access_contexts_are_asked_for_as_claims(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    challenge, _ = asked(clock.now())

    one, _ = await make(login="{acrs: [c1]}").begin(challenge, nonce="n", step_up=True)
    two, _ = await make(login="{acrs: [c1, c2]}").begin(challenge, nonce="n", step_up=True)

    assert liar.begun(one)["claims"] == '{"id_token": {"acrs": {"essential": true, "value": "c1"}}}'
    assert liar.begun(two)["claims"] == '{"id_token": {"acrs": {"essential": true, "values": ["c1", "c2"]}}}'
    assert "acr_values" not in liar.begun(one)


@pytest.mark.parametrize(
    ("role", "step_up", "advertised", "prompt", "offline"),
    [
        (BY_OIDC, False, ["none", "login", "consent"], "login consent", True),
        (BY_OIDC, True, ["none", "login", "consent"], "login", True),
        (BY_OIDC, False, None, "login", True),
        ("{people: [ada]}", False, ["consent"], "login", False),
    ],
)
async def test_lasting_access_is_asked_for_only_where_a_role_needs_it(
    make: Make,
    liar: Lying,
    clock: StoppedClock,
    role: str,
    step_up: bool,
    advertised: list[str] | None,
    prompt: str,
    offline: bool,
) -> None:
    liar.metadata["prompt_values_supported"] = advertised

    url, _ = await make(role=role).begin(asked(clock.now())[0], nonce="n", step_up=step_up)

    said = liar.begun(url)
    assert said["prompt"] == prompt
    assert ("offline_access" in said["scope"]) is offline


async def test_an_endpoint_with_a_query_of_its_own_keeps_it(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.metadata["authorization_endpoint"] = f"{liar.issuer}/authorize?p=policy-1"

    url, _ = await make().begin(asked(clock.now())[0], nonce="n", step_up=True)

    assert url.startswith(f"{liar.issuer}/authorize?p=policy-1&response_type=code&")


async def test_without_a_policy_for_logins_nobody_is_sent_anywhere(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    with pytest.raises(LoginRefused, match="login-not-allowed"):
        await make(login=None).begin(asked(clock.now())[0], nonce="n", step_up=True)

    assert liar.asked == []


# What is answered


async def test_a_good_login_says_who_when_and_how(make: Make, liar: Lying, clock: StoppedClock) -> None:
    clock.pass_seconds(0.7)

    found = await log_in(make(), liar, clock)

    assert found.subject == f"{liar.issuer} ada-subject"
    assert found.label == "ada@example.test"
    assert found.authenticated_at == clock.now().replace(microsecond=0)
    assert (found.acr, found.amr) == (MFA, ("pwd", "mfa"))
    assert found.claims["nonce"] == liar.nonce
    assert str(found.claims["id_token"]).startswith("sha256:")
    assert "preferred_username" not in found.claims
    assert (found.refresh, found.roles) == (None, frozenset())


async def test_the_code_is_redeemed_with_the_verifier_and_the_secret_in_the_header(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    await log_in(make(), liar, clock)

    form = liar.forms[0]
    assert form["grant_type"] == "authorization_code"
    assert form["code"] == "code-1"
    assert form["redirect_uri"] == ORIGIN + CALLBACK
    assert len(form["code_verifier"]) == 64
    assert "client_secret" not in form
    assert liar.authorizations == [aiohttp.encode_basic_auth(CLIENT, "s3cret%3A%26%2F%C3%A4-of-a-test")]


async def test_a_client_authenticates_as_the_provider_takes_it(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post", "private_key_jwt"]
    await log_in(make(), liar, clock)
    await log_in(make(client_secret=None), liar, clock)

    assert liar.forms[0]["client_secret"] == SECRET.get_secret_value()
    assert "client_secret" not in liar.forms[1]
    assert liar.forms[1]["client_id"] == CLIENT
    assert liar.authorizations == [None, None]


def minutes(count: float) -> int:
    return int(timedelta(minutes=count).total_seconds())


LIES: dict[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "another issuer": ("issuer-wrong", lambda _: {"iss": "https://evil.example"}),
    "another audience": ("audience-wrong", lambda _: {"aud": "somebody-else"}),
    "several audiences and no azp": ("audience-wrong", lambda _: {"aud": [CLIENT, "somebody-else"]}),
    "issued to somebody else": ("audience-wrong", lambda _: {"azp": "somebody-else"}),
    "no audience in form": ("audience-wrong", lambda _: {"aud": {"client": CLIENT}}),
    "another nonce": ("nonce-wrong", lambda _: {"nonce": "sha256:" + "0" * 64}),
    "a nonce that is no text": ("nonce-wrong", lambda _: {"nonce": 7}),
    "expired": ("token-expired", lambda now: {"exp": now - 6}),
    "expires never": ("token-malformed", lambda _: {"exp": "never"}),
    "expires at infinity": ("token-malformed", lambda _: {"exp": float("inf")}),
    "issued tomorrow": ("token-early", lambda now: {"iat": now + minutes(1440)}),
    "not in force yet": ("token-early", lambda now: {"nbf": now + 60}),
    "issued before it was asked for": ("token-old", lambda now: {"iat": now - 60}),
    "an old session": ("login-stale", lambda now: {"auth_time": now - 6}),
    "logged in tomorrow": ("token-early", lambda now: {"auth_time": now + minutes(1440)}),
    "logged in true": ("token-malformed", lambda _: {"auth_time": True}),
    "no second factor by acr": ("login-weak", lambda _: {"acr": "urn:test:pwd"}),
    "no second factor by amr": ("login-weak", lambda _: {"amr": ["pwd"]}),
    "acr as a list": ("login-weak", lambda _: {"acr": [MFA]}),
    "amr as a map": ("login-weak", lambda _: {"amr": {"mfa": True}}),
    "nobody": ("subject-missing", lambda _: {"sub": ""}),
    "somebody with a line break": ("subject-missing", lambda _: {"sub": "ada\nbo"}),
    "a number": ("subject-missing", lambda _: {"sub": 7}),
    "an access token of another answer": ("token-swapped", lambda _: {"at_hash": lying.at_hash("other")}),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_login_that_claims_something_else_proves_nothing(
    make: Make, liar: Lying, clock: StoppedClock, lie: str
) -> None:
    code, claims = LIES[lie]
    liar.claims = claims(int(clock.now().timestamp()))

    assert (await refused(make(), liar, clock)).code == code


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("iss", "issuer-wrong"),
        ("aud", "audience-wrong"),
        ("exp", "token-malformed"),
        ("iat", "token-malformed"),
        ("nonce", "nonce-wrong"),
        ("auth_time", "login-undated"),
        ("acr", "login-weak"),
        ("amr", "login-weak"),
        ("sub", "subject-missing"),
    ],
)
async def test_a_login_that_leaves_something_out_proves_nothing(
    make: Make, liar: Lying, clock: StoppedClock, missing: str, code: str
) -> None:
    liar.without = {missing}

    assert (await refused(make(), liar, clock)).code == code


async def test_the_refusal_names_what_was_missing(make: Make, liar: Lying, clock: StoppedClock) -> None:
    liar.claims = {"amr": ["pwd"], "acrs": ["c2"]}

    no = await refused(make(login="{amr: [mfa, hwk], acrs: [c1]}"), liar, clock)

    assert (no.code, no.facts) == ("login-weak", {"claim": "amr", "wanted": ["hwk", "mfa"]})


async def test_a_conditional_access_context_must_be_met(make: Make, liar: Lying, clock: StoppedClock) -> None:
    liar.claims = {"acrs": ["c2"]}
    assert (await refused(make(login="{acrs: [c1]}"), liar, clock)).code == "login-weak"

    liar.claims = {"acrs": ["c1", "c2"]}
    assert (await log_in(make(login="{acrs: [c1]}"), liar, clock)).claims["acrs"] == ["c1", "c2"]


async def test_clocks_may_differ_by_the_skew_of_the_policy_alone(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    now = int(clock.now().timestamp())
    liar.claims = {"iat": now + 5, "auth_time": now - 5}

    await log_in(make(), liar, clock)
    strict = "{amr: [mfa], skew: 0s}"

    assert (await refused(make(login=strict), liar, clock)).code == "token-early"


async def test_the_whole_second_of_the_click_counts_as_fresh(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    clock.pass_seconds(0.9)  # the provider's claims name the second that began before the challenge was asked

    await log_in(make(login="{amr: [mfa], skew: 0s}"), liar, clock)


async def test_a_person_of_a_tenant_is_named_by_tenant_and_object(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.claims = {"tid": "tenant-1", "oid": "object-1"}
    entra = make(login="{subject: oid, amr: [mfa]}")

    assert (await log_in(entra, liar, clock)).subject == f"{liar.issuer} tenant-1/object-1"

    liar.without = {"tid"}
    assert (await refused(entra, liar, clock)).code == "subject-missing"


async def test_the_access_token_is_the_one_that_was_issued_along(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.claims = {"at_hash": lying.at_hash("access-1")}

    await log_in(make(), liar, clock)

    liar.more = {"access_token": None}
    assert (await refused(make(), liar, clock)).code == "token-swapped"


# Who signs


FORGED: dict[str, tuple[str, Callable[[dict[str, Any]], str | None]]] = {
    "by nobody": ("algorithm-refused", lying.unsigned),
    "by nobody, spelled differently": ("algorithm-refused", lambda c: lying.unsigned(c, "nOnE")),
    "with the public key as a secret": ("algorithm-refused", lying.signed_with_public_key),
    "by an algorithm that is not believed": ("algorithm-refused", lambda c: signed(c, alg="RS512")),
    "by another key of the same name": ("signature-wrong", lambda c: signed(c, OTHER_RSA)),
    "by a key that is not published": (
        "key-unknown",
        lambda c: signed(c, lying.key("EC", "P-256", "k9"), "ES256"),
    ),
    "by a key that it brings along": (
        "signature-wrong",
        lambda c: signed(c, OTHER_RSA, jwk=OTHER_RSA.as_dict(private=False)),
    ),
    "as an access token": ("token-malformed", lambda c: signed(c, typ="at+jwt")),
    "with a header that must be understood": ("token-malformed", lambda c: signed(c, b64=True, crit=["b64"])),
    "not at all": ("token-malformed", lambda _: None),
    "without a signature": ("token-malformed", lambda c: signed(c).rpartition(".")[0]),
    "with an empty signature": ("signature-wrong", lambda c: signed(c).rpartition(".")[0] + "."),
    "encrypted": ("token-malformed", lambda c: signed(c) + ".a.b"),
    "as a list": ("token-malformed", lambda _: "W10.W10.W10"),
    "beyond any size": ("token-malformed", lambda c: signed(c) + "A" * 100_000),
    "nested without end": ("token-malformed", lambda _: "W1tb" * 16_000 + ".e30.AA"),
    "in letters of another alphabet": ("token-malformed", lambda _: "ä.ö.ü"),
}


@pytest.mark.parametrize("how", FORGED)
async def test_a_token_is_signed_by_the_provider_or_worth_nothing(
    make: Make, liar: Lying, clock: StoppedClock, how: str
) -> None:
    code, token = FORGED[how]
    liar.token = token

    assert (await refused(make(), liar, clock)).code == code


@pytest.mark.parametrize(
    ("kind", "size", "alg"),
    [
        ("RSA", 2048, "RS256"),
        ("RSA", 2048, "PS256"),
        ("EC", "P-256", "ES256"),
        ("OKP", "Ed25519", "EdDSA"),
        ("OKP", "Ed25519", "Ed25519"),
    ],
)
async def test_every_algorithm_that_is_believed_works(
    make: Make, liar: Lying, clock: StoppedClock, kind: str, size: Any, alg: str
) -> None:
    by = RSA if kind == "RSA" else lying.key(kind, size)
    liar.keys, liar.token = [by], lambda claims: signed(claims, by, alg)

    assert (await log_in(make(), liar, clock)).acr == MFA


async def test_a_token_without_a_key_name_needs_a_single_key_of_its_kind(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.keys = [lying.key("EC", "P-256", "k2"), RSA]
    liar.token = lambda claims: signed(claims, kid=None)
    await log_in(make(), liar, clock)

    liar.keys = [RSA, lying.key(kid="k3")]
    assert (await refused(make(), liar, clock)).code == "key-unknown"


async def test_keys_are_fetched_anew_for_an_unknown_one_and_otherwise_kept(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    provider, rotated = make(), lying.key("EC", "P-256", "k2")
    await log_in(provider, liar, clock)
    await log_in(provider, liar, clock)
    assert liar.asked.count("jwks") == 1

    liar.keys, liar.token = [rotated], lambda claims: signed(claims, rotated, "ES256")
    await log_in(provider, liar, clock)
    assert liar.asked.count("jwks") == 2

    liar.token = lambda claims: signed(claims, lying.key("EC", "P-256", "k3"), "ES256")
    assert (await refused(provider, liar, clock)).code == "key-unknown"
    assert liar.asked.count("jwks") == 3


async def test_what_the_provider_says_of_itself_is_asked_again_after_an_hour(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    provider = make()
    await log_in(provider, liar, clock)
    clock.pass_seconds(3599)
    await log_in(provider, liar, clock)
    assert (liar.asked.count("metadata"), liar.asked.count("jwks")) == (1, 1)

    clock.pass_seconds(2)
    liar.keys = []  # a key that was withdrawn is not believed for longer than that
    assert (await refused(provider, liar, clock)).code == "key-unknown"
    assert liar.asked.count("metadata") == 2


# A provider that is not itself


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"issuer": "https://evil.example"}, "provider-other-issuer"),
        ({"issuer": None}, "provider-other-issuer"),
        ({"token_endpoint": "http://evil.example/token"}, "provider-malformed"),
        ({"token_endpoint": None}, "provider-malformed"),
        ({"jwks_uri": "file:///etc/passwd"}, "provider-malformed"),
        ({"jwks_uri": "https://user:pw@idp.example/"}, "provider-malformed"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "provider-malformed"),
        ({"authorization_endpoint": "https://idp.example/a\nb"}, "provider-malformed"),
        ({"authorization_endpoint": ["https://idp.example/"]}, "provider-malformed"),
        ({"userinfo_endpoint": "http://idp.example/"}, "provider-malformed"),
    ],
)
async def test_discovery_that_leads_elsewhere_is_refused(
    make: Make, liar: Lying, clock: StoppedClock, metadata: dict[str, Any], code: str
) -> None:
    liar.metadata = metadata

    with pytest.raises(LoginRefused) as caught:
        await make().begin(asked(clock.now())[0], nonce="n", step_up=True)

    assert caught.value.code == code


async def test_an_issuer_matches_to_the_letter(make: Make, liar: Lying, clock: StoppedClock) -> None:
    with pytest.raises(LoginRefused, match="provider-other-issuer"):
        await make(issuer=liar.issuer + "/").begin(asked(clock.now())[0], nonce="n", step_up=True)


async def test_an_issuer_that_ends_with_a_slash_is_found(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.metadata["issuer"] = liar.issuer + "/"
    liar.claims["iss"] = liar.issuer + "/"

    assert (
        await log_in(make(issuer=liar.issuer + "/"), liar, clock)
    ).subject == f"{liar.issuer}/ ada-subject"


@pytest.mark.parametrize(
    ("advertised", "brought", "good"),
    [
        (True, None, False),
        (True, "https://evil.example", False),
        (None, "https://evil.example", False),
        (None, None, True),
    ],
)
async def test_an_answer_of_another_provider_is_refused_before_its_code_is_shown(
    make: Make, liar: Lying, clock: StoppedClock, advertised: bool | None, brought: str | None, good: bool
) -> None:
    liar.metadata["authorization_response_iss_parameter_supported"] = advertised
    if good:
        await log_in(make(), liar, clock, iss=brought)
        return

    assert (await refused(make(), liar, clock, iss=brought)).code == "issuer-mixed-up"
    assert "token" not in liar.asked


async def test_an_answer_that_names_its_provider_is_taken(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.metadata["authorization_response_iss_parameter_supported"] = True

    await log_in(make(), liar, clock, iss=liar.issuer)


@pytest.mark.parametrize("place", ["metadata", "jwks", "token"])
@pytest.mark.parametrize(
    ("answer", "code", "why"),
    [
        (says(302, "", Location="https://evil.example/"), "provider-redirects", "http-302"),
        (says(307, "", Location="/token"), "provider-redirects", "http-307"),
        (says(503, {"error": "later"}), "provider-silent", "http-503"),
        (says(429, {}), "provider-silent", "http-429"),
        (says(200, "<html>"), "provider-malformed", "not-json"),
        (says(200, "[" * 100_000), "provider-malformed", "not-json"),
        (says(200, ["a"]), "provider-malformed", "not-an-object"),
        (floods, "provider-malformed", "too-large"),
        (hangs, "provider-silent", "timeout"),
    ],
)
async def test_whatever_goes_wrong_at_the_provider_denies_and_says_why(
    make: Make, liar: Lying, clock: StoppedClock, place: str, answer: Any, code: str, why: str
) -> None:
    liar.answers[place] = answer

    no = await refused(make(timeout_s=0.3), liar, clock)

    assert (no.code, no.facts) == (code, {"why": why})


async def test_a_provider_that_is_not_there_is_silent(
    make: Make, clock: StoppedClock, closed_port: str
) -> None:
    with pytest.raises(LoginRefused) as caught:
        await make(issuer=f"http://{closed_port}").begin(asked(clock.now())[0], nonce="n", step_up=True)

    assert (caught.value.code, caught.value.facts) == ("provider-silent", {"why": "refused"})


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, "invalid_grant", "code-refused"),
        (401, "invalid_client", "client-refused"),
        (400, "unauthorized_client", "client-refused"),
        (400, "invalid_request", "provider-malformed"),
        (403, {"not": "a text"}, "provider-malformed"),
    ],
)
async def test_a_code_that_is_not_taken_is_told_by_a_code_of_ours(
    make: Make, liar: Lying, clock: StoppedClock, status: int, error: Any, code: str
) -> None:
    liar.answers["token"] = says(status, {"error": error, "error_description": "s3cret"})

    no = await refused(make(), liar, clock)

    assert no.code == code
    assert "s3cret" not in str(no.facts)


async def test_a_verifier_of_another_challenge_or_key_is_no_verifier(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    sealed = SEAL.close(b"v" * 64, purpose="oidc-verifier " + "B" * 22)

    assert (await refused(make(), liar, clock, verifier=sealed)).code == "login-unknown"
    assert (await refused(make(), liar, clock, verifier=None)).code == "login-unknown"
    assert "token" not in liar.asked


async def test_nothing_secret_shows_in_what_is_printed_or_raised(
    make: Make, liar: Lying, clock: StoppedClock
) -> None:
    liar.more = {"refresh_token": "refresh-1"}
    provider = make(role=BY_OIDC)
    found = await log_in(provider, liar, clock)
    liar.answers["token"] = hangs
    no = await refused(make(timeout_s=0.1), liar, clock)

    shown = f"{found!r}{provider!r}{no!r}{no.facts!r}{no.__cause__!r}"
    for secret in ("refresh-1", "access-1", "code-1", SECRET.get_secret_value(), str(found.refresh)):
        assert secret not in shown


def test_the_callback_is_a_path_of_our_own_pages() -> None:
    assert urlsplit(ORIGIN + CALLBACK).path == "/mfa/login/callback"
