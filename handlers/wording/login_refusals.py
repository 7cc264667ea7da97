"""Why a login at the identity provider was no second factor, in sentences."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import listed
from handlers.wording.said import Said

_AGAIN = "Nothing was done; press the button in Slack again to get a new link."
_OPERATOR = "Nothing was done; whoever runs this bot finds the reason in its log."
_CONFIGURE = "Nothing was done; whoever runs this bot has to set that right."


def _why(said: Said) -> str:
    why = said.facts.text("why", "")
    return f" ({why})" if why else ""


def _weak(said: Said) -> str:
    wanted = listed(said.facts.texts("wanted"), last="or" if said.facts.text("claim") == "acr" else "and")
    return (
        f"You logged in, but without the second factor that the policy asks for: the identity provider did not state "
        f"{said.facts.text('claim')} {wanted}. Log in again and use it; if you were never asked for one, whoever runs "
        "the identity provider has to require it for this application."
    )


def _stale(said: Said) -> str:
    return (
        f"The identity provider used a login of {said.facts.seconds('seconds')} before, though a new one was asked for, "
        "so it does not count. Log out there and try again; if it happens again, whoever runs the identity provider has "
        "to let this application ask for a fresh login."
    )


def _proves_nothing(what: str) -> Callable[[Said], str]:
    return lambda said: f"The identity provider's answer proves nothing: {what}{_why(said)}. {_AGAIN}"


def _misconfigured(what: str) -> Callable[[Said], str]:
    return lambda said: f"{what}{_why(said)}, so nobody can log in with it. {_CONFIGURE}"


LOGINS: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        # The way there and back
        "login-not-set-up": lambda _: (
            "No identity provider is set up here, so logging in is no second factor. Use another one; whoever runs this "
            "bot can set PORTCULLIS_OIDC_ISSUER."
        ),
        "login-not-allowed": lambda _: (
            "The policy does not say what a login has to prove, so none counts as a second factor. Use another one; "
            "whoever keeps the policy file can add second_factors.login."
        ),
        "login-unknown": lambda _: f"This answer belongs to no login that was begun here. {_AGAIN}",
        "login-other-browser": lambda _: (
            "This login was begun in another browser, so it counts for nobody here. Nothing was done; if somebody sent "
            "you this link, tell whoever runs this bot, and otherwise press the button in Slack again."
        ),
        "login-over": lambda _: f"The login took longer than two minutes, so it does not count. {_AGAIN}",
        "login-used": lambda _: (
            "This login was used already, and works once. Whether it counted shows in Slack; press the button there again "
            "if it did not."
        ),
        "login-denied": lambda _: (
            "The login was cancelled at the identity provider, or it did not let you in. Nothing was done; try again, or "
            "ask whoever runs the identity provider for access to this application."
        ),
        "login-required": lambda _: (
            "The identity provider did not let you log in this time. Nothing was done; press the button in Slack again."
        ),
        "provider-refused": lambda _: (
            "The identity provider refused what it was asked for. Nothing was done; whoever runs it finds the reason in "
            "its log."
        ),
        # What was proved
        "login-weak": _weak,
        "login-stale": _stale,
        "login-undated": lambda _: (
            "The identity provider did not say when you logged in (auth_time), so nobody knows that you just did. "
            + _CONFIGURE
        ),
        "subject-missing": lambda s: (
            f"The identity provider did not say who you are ({s.facts.text('claim')}). {_CONFIGURE}"
        ),
        "other-person": lambda _: (
            "The identity provider answered about another person than it was asked about, so it counts for nobody. "
            + _OPERATOR
        ),
        # Answers that are not to be believed
        "issuer-mixed-up": _proves_nothing("it comes from another provider than the one you were sent to"),
        "issuer-wrong": _proves_nothing("it was signed for another provider"),
        "audience-wrong": _proves_nothing("it was meant for another application"),
        "nonce-wrong": _proves_nothing("it was made for another approval"),
        "signature-wrong": _proves_nothing("its signature is wrong"),
        "algorithm-refused": _proves_nothing("it is signed in a way that is not believed here"),
        "key-unknown": _proves_nothing("it is signed with a key that the provider does not publish"),
        "token-malformed": _proves_nothing("it cannot be read"),
        "token-expired": _proves_nothing("it had expired"),
        "token-early": _proves_nothing("it is dated in the future, so one of the two clocks is wrong"),
        "token-old": _proves_nothing("it is older than what it was asked for"),
        "token-swapped": _proves_nothing("its parts do not belong together"),
        "code-refused": lambda _: (
            f"The identity provider did not accept its own answer any more: it lasts a short time, and once. {_AGAIN}"
        ),
        # The provider itself
        "provider-silent": lambda s: (
            f"The identity provider does not answer{_why(s)}, which counts as no. Try again in a minute, or use another "
            "second factor."
        ),
        "provider-malformed": lambda s: (
            f"The identity provider answered what nobody understands{_why(s)}. {_OPERATOR}"
        ),
        "provider-redirects": lambda s: (
            f"The identity provider wanted to send a secret elsewhere{_why(s)}, and that is refused. {_OPERATOR}"
        ),
        "provider-other-issuer": _misconfigured(
            "The identity provider calls itself by another name than PORTCULLIS_OIDC_ISSUER, which has to match to the "
            "letter"
        ),
        "client-refused": _misconfigured(
            "The identity provider does not accept PORTCULLIS_OIDC_CLIENT_ID with its secret"
        ),
        # Asking for roles without the person
        "grant-revoked": lambda _: (
            "The identity provider does not tell your roles any more: the account, or its consent, was ended there. Log in "
            "once more to be asked anew."
        ),
        "grant-broken": lambda _: (
            "What asks for your roles was sealed under another key. Log in once more to be asked anew."
        ),
    }
)
