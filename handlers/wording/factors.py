"""Second factors in words: what the pages ask and say, and why a factor or a link does not count."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bot.domain.second_factor import Method, Purpose
from handlers.wording.facts import Facts, listed
from handlers.wording.said import Names, Said

METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {Method.PASSKEY: "a passkey", Method.OIDC: "a fresh login", Method.TOTP: "a code"}
)
"""Each method as an object: `Approve with a passkey`."""
_MEANT: Final[Mapping[str, str]] = MappingProxyType(
    {
        Method.PASSKEY: "a passkey",
        Method.OIDC: "a fresh login at the identity provider",
        Method.TOTP: "a code of an authenticator app",
    }
)
_FRESH: Final = "Press the button in Slack again to get a new link"


@dataclass(frozen=True, slots=True)
class Deed:
    """What a link is for. `{what}` in a text is the request, or the person, that it is about."""

    question: str
    verb: str
    recorded: str
    then: str


DEEDS: Final[Mapping[Purpose, Deed]] = MappingProxyType(
    {
        Purpose.APPROVE: Deed(
            "Approve {what}?",
            "Approve",
            "Your approval is recorded",
            "You signed {what}. Your roles and the gates are asked again now; the message in Slack shows whether your "
            "seat is filled.",
        ),
        Purpose.WITHDRAW: Deed(
            "Withdraw your approval of {what}?",
            "Withdraw",
            "Your withdrawal is recorded",
            "{what} had started, so it is undone: the version before it comes back, which shows in its thread in Slack.",
        ),
        Purpose.CONFIRM: Deed(
            "Confirm the second factor of {what}?",
            "Confirm",
            "You confirmed the second factor",
            "{what} is told now, and when it can first be used for production.",
        ),
        Purpose.RESET: Deed(
            "Take away the second factors of {what}?",
            "Take them away",
            "Your word is recorded",
            "The second factors of {what} are taken away once two administrators have said so; all of you are told.",
        ),
        Purpose.ENROLL: Deed(
            "Enrol a second factor for {what}?",
            "Enrol",
            "Your second factor is recorded",
            "You are told in Slack.",
        ),
    }
)
"""Every purpose."""


def question(purpose: Purpose, what: str, *, takes_back: bool = False) -> str:
    """What a page asks. A rollback is asked for in the words that its message in Slack has."""
    if takes_back and purpose is Purpose.APPROVE:
        return f"Roll back {what}?"
    return DEEDS[purpose].question.format(what=f"the rollback of {what}" if takes_back else what)


PAGE_REFUSED: Final = "This did not work"
PAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "other-host": (
            "This page was reached under another name than its own. Open it from the link in Slack; if that leads "
            "here, whoever runs this bot has to let the proxy pass the Host header on."
        ),
        "other-origin": (
            "This came from another site, or from a browser that hides where it comes from, so nothing was done. "
            "Open the link in Slack again and use the button on the page itself."
        ),
        "bad-body": (
            "What the browser sent cannot be read, so nothing was done. Reload the page and try again; if it happens "
            "again, tell whoever runs this bot."
        ),
        "bad-request": "This address does not take that, so nothing was done. Open the link in Slack again.",
        "no-such-page": (
            "There is no page at this address; the link may have been cut off. Press the button in Slack again."
        ),
        "too-slow": "The page's answer did not arrive in time, so nothing was done. Try again.",
        "too-large": "What the browser sent is larger than any answer of ours, so nothing was done.",
        "internal": (
            "Something broke here, and nothing was changed as far as can be told. Whoever runs this bot finds it in "
            "its log."
        ),
    }
)
"""Why our pages do not answer a request at all."""

_TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "link-unknown": "This link leads nowhere",
        "link-used": "This link was used already",
        "link-over": "This link is over",
        "locked-out": "Too many failures",
        "changed-since": "It changed meanwhile",
        "policy-changed": "The policy changed meanwhile",
        "key-changed": "The bot's key is another one",
        "cooling-off": "Your second factor is too new",
        "already-signed": "You signed this already",
        "not-awaiting-approval": "It does not wait for approval",
    }
)


def refused_title(code: str) -> str:
    """The heading above a refusal."""
    return _TITLES.get(code, "Nothing was done")


def _tries(said: Said) -> str:
    left, minutes = said.facts.number("left") or 0, said.facts.text("minutes")
    if left <= 0:
        return f"That was the last try: approving is locked for you for {minutes} minutes, nothing else is."
    return "One try is left." if left == 1 else f"{left} tries are left."


def _proves_nothing(what: str) -> Callable[[Said], str]:
    return lambda said: f"{what}, so nothing was done. {_tries(said)}"


def _about(said: Said) -> str:
    return said.facts.text("request", "") or "what it is about"


def _forbidden(said: Said) -> str:
    method = _MEANT.get(said.facts.text("method", ""), "what you have enrolled")
    allowed = [_MEANT.get(m, m) for m in said.facts.texts("allowed")]
    if not allowed:
        return f"{method[:1].upper()}{method[1:]} is not accepted here. Whoever keeps the policy file decides that."
    return (
        f"{method[:1].upper()}{method[1:]} approves nothing here: the policy accepts {listed(allowed, last='or')}. "
        "/deploy enroll adds one."
    )


def _locked(said: Said) -> str:
    minutes = said.facts.text("minutes")
    if said.facts.text("what", "") == "address":
        return (
            f"Too many wrong codes came from your network address, so codes are locked from there for {minutes} minutes "
            "from the first of them. A passkey or a login still works, and so do rejecting, cancelling and holding."
        )
    whose = "Too many wrong codes or passkeys: approving is locked for you"
    return f"{whose} for {minutes} minutes from the first of them. Rejecting and cancelling still work, and so does holding."


FACTORS: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        # Links
        "link-unknown": lambda _: (
            f"Nobody was given this link, or it was cut off, so nothing can be done with it. {_FRESH}."
        ),
        "link-used": lambda s: (
            f"This link did what it was for already ({_about(s)}), and it works once. "
            "The message in Slack shows how it stands."
        ),
        "link-over": lambda s: f"This link to {_about(s)} worked for ten minutes, which are over. {_FRESH}.",
        "challenge-over": lambda _: (
            "That took longer than two minutes, or was answered already, so it does not count. Try again on this page."
        ),
        "key-changed": lambda _: (
            "What is enrolled of codes cannot be read: the bot runs with another PORTCULLIS_SECRET_KEY than it was "
            "enrolled under. Whoever runs it can put the old key back, or enrol you anew; nothing was recorded."
        ),
        "policy-changed": lambda _: (
            "Another policy was put in force while you proved who you are, so nothing was recorded. Press the button in "
            "Slack again."
        ),
        "changed-since": lambda s: (
            f"{s.facts.text('request')} changed while you read it, so nothing was recorded. "
            "Close this, look at its message in Slack again, and decide on what stands there now."
        ),
        "on-our-page": lambda _: (
            "Codes are no longer typed in Slack here, so nothing was recorded. Press Approve again: it gives you a "
            "link to our own page."
        ),
        "person-gone": lambda _: (
            "The policy does not know you any more, so nothing was done. Whoever keeps the policy file can add you "
            "under people."
        ),
        # Factors
        "method-forbidden": _forbidden,
        "method-not-enrolled": lambda s: (
            f"You have not enrolled {_MEANT.get(s.facts.text('method'), s.facts.text('method'))} that can be used "
            "for this, so nothing was done. Use another of your second factors, or add one with /deploy enroll."
        ),
        "not-enrolled": lambda _: (
            "You have no second factor here yet, so nothing was recorded. /deploy enroll gets you one, or whoever runs "
            "the bot enrols you on its host with: portcullis enroll."
        ),
        "not-confirmed": lambda _: (
            "A second administrator has not confirmed your second factor yet, so it proves nothing so far. "
            "An administrator confirms it with /deploy confirm-factor and your name."
        ),
        "cooling-off": lambda s: (
            f"Your second factor is new: it approves nothing for production before {s.at('until')}, so that a stolen "
            "enrolment is seen in time. Another approver can sign until then."
        ),
        "locked-out": _locked,
        "wrong-code": lambda s: f"That code is wrong. {_tries(s)} Codes change every 30 seconds.",
        "code-used": lambda s: f"That code was used already; wait for the next one. {_tries(s)}",
        # Passkeys
        "passkey-unknown": _proves_nothing("That passkey is not one that is enrolled for you here"),
        "passkey-not-yours": _proves_nothing(
            "That passkey is somebody else's, and this link is for one person alone"
        ),
        "passkey-unverified": _proves_nothing(
            "Your passkey did not check that it is you (a finger, your face or its PIN)"
        ),
        "passkey-cross-origin": _proves_nothing("The page stood inside a page of somebody else"),
        "passkey-wrong-origin": _proves_nothing("The passkey was asked by another site than this one"),
        "passkey-wrong-challenge": _proves_nothing(
            "The passkey signed something else than what stands on this page"
        ),
        "passkey-wrong-signature": _proves_nothing("The passkey's signature is not good"),
        "passkey-wrong-type": _proves_nothing(
            "The passkey answered another question than the one that was asked"
        ),
        "passkey-malformed": _proves_nothing("The browser's answer cannot be read"),
        "passkey-copied": lambda s: (
            "Your passkey's counter did not grow, which means that a copy of it exists or an old answer was played "
            f"again, so it does not count. Tell an administrator, who can take it away. {_tries(s)}"
        ),
        # Logins
        "login-not-yours": _proves_nothing("You logged in with an account that is not linked to you here"),
        "login-too-old": _proves_nothing("That login is older than the policy accepts"),
    }
)
"""Why a link or a factor does not count."""


def passkey_copied(facts: Facts, names: Names) -> str:
    """What the incidents channel is told."""
    name = facts.text("name", "")
    called = f" “{name}”" if name else ""
    return (
        f"SECURITY: the passkey{called} of {names(facts.text('person'))} answered with a counter that did not grow. "
        "A copy of it exists, or an old answer was played again. It counted for nothing; an administrator should "
        f"take it away (/deploy reset-factor NAME) and ask its owner ({facts.text('credential')})."
    )
