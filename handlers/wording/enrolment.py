"""Enrolment in words: what is told when somebody's second factors change, and why an enrolment is refused."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from bot.domain.second_factor import Purpose
from handlers.wording import locks
from handlers.wording.facts import Facts, listed, plural
from handlers.wording.said import Names, Said
from handlers.wording.times import When

KINDS: Final[Mapping[str, str]] = MappingProxyType({"passkey": "a passkey", "totp": "an authenticator app"})
"""What a second factor is, as an object."""
_PROVIDERS: Final[Mapping[str, str]] = MappingProxyType(
    {"slack": "Slack account", "github": "GitHub account", "oidc": "login at the identity provider"}
)
ADVICE: Final[Mapping[Purpose, str]] = MappingProxyType(
    {
        Purpose.CONFIRM: (
            "Ask its owner in person or by phone whether it was them: a message in Slack proves nothing. For production "
            "it counts from your confirmation on, after the cool-off."
        ),
        Purpose.RESET: (
            "It takes a second administrator within the hour. What the person signed and what has not started is void "
            "then, and they enrol anew."
        ),
        Purpose.WITHDRAW: (
            "As soon as you sign, the rollout goes no further, and where some of it is out already, the version named "
            "as the way back comes back. It cannot be taken back."
        ),
    }
)
"""What somebody should know before they sign, where it is no approval."""
_FRESH: Final = "Type /deploy enroll again to get a new link"
Word = Callable[[Facts, str, Names, When], str]
"""Of the facts, the person's name as it begins or stands in a sentence, and how people and instants are shown."""


def factor(method: str, name: str | None) -> str:
    """`a passkey “MacBook”`."""
    kind = KINDS.get(method, "a second factor")
    return f"{kind} “{name}”" if name else kind


def note(facts: Mapping[str, JsonValue], person: str, names: Names, when: When, *, own: bool) -> str:
    """What happened to the second factors of `person`; `own`: told to them, not of them."""
    read = Facts(facts)
    code = read.text("code")
    word = (_TO_OWNER if own else _TO_ALL).get(code)
    if word is None:
        return f"Something changed about the second factors of {names(person)} (code: {code})."
    return word(read, person, names, when)


def _what(facts: Facts) -> str:
    return factor(facts.text("method", ""), facts.text("name", "") or None)


def _counts(facts: Facts, when: When) -> str:
    at = facts.instant("usable_from")
    if at is None:
        return "it counts at once, for production as well"
    return f"it counts at once, but for production only from {when(at)}"


def _not_you(person: str) -> str:
    return f"Was it not you? Say so now: /deploy reset-factor {person}"


def _host(facts: Facts) -> str:
    """Who did it, where the record names a user of the bot's host."""
    where, _, user = facts.text("by", "").partition(":")
    return (
        f"{user} on the bot's host"
        if where == "host" and user
        else "somebody with a code from the bot's host"
    )


def _why_alone(facts: Facts) -> str:
    if facts.said.get("administrators") is True:
        return "no administrator has a second factor yet that could"
    return "the policy names no administrators who could (second_factors.administrators)"


def _and_who(facts: Facts, names: Names) -> str:
    able = listed([names(p) for p in facts.texts("able")], last="or")
    return able or "another administrator"


def _gone(facts: Facts) -> str:
    requests = listed(facts.texts("requests"))
    signed = f" What they had signed of {requests} is void." if requests else ""
    return f"{plural(facts.number('factors') or 0, 'factor')} and {plural(facts.number('links') or 0, 'linked account')} are gone.{signed}"


def _reason(facts: Facts) -> str:
    reason = facts.text("reason", "")
    return f" (“{reason}”)" if reason else ""


_TO_OWNER: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "enrolled": lambda f, p, _, w: f"You enrolled {_what(f)}; {_counts(f, w)}. {_not_you(p)}",
        "enrolled-pending": lambda f, p, _, __: (
            f"You enrolled {_what(f)} with a code from the bot's host. It proves nothing until an administrator has "
            f"confirmed it: /deploy confirm-factor {p}. {_not_you(p)}"
        ),
        "enrolled-bootstrap": lambda f, p, _, w: (
            f"{_what(f)[:1].upper()}{_what(f)[1:]} was enrolled for you by {_host(f)}; {_counts(f, w)}. {_not_you(p)}"
        ),
        "confirmed": lambda f, p, n, w: (
            f"{n(f.text('by'))} confirmed {_what(f)} of yours; {_counts(f, w)}. {_not_you(p)}"
        ),
        "removed": lambda f, p, _, __: (
            f"You took {_what(f)} away, with another second factor of yours. {_not_you(p)}"
        ),
        "reset-asked": lambda f, _, n, w: (
            f"{n(f.text('by'))} asks that everything you enrolled and linked is taken away{_reason(f)}. It happens when "
            f"{_and_who(f, n)} says so too, before {w(at) if (at := f.instant('until')) else 'an hour is over'}."
        ),
        "reset-done": lambda f, _, n, __: (
            f"{n(f.text('first'))} and {n(f.text('by'))} took away what you had enrolled and linked{_reason(f)}: "
            f"{_gone(f)} /deploy enroll begins anew."
        ),
        "github-not-linked": lambda f, _, __, ___: (
            f"Your GitHub account {f.text('login')} could not be linked (code: {f.text('why')}). Nothing else is affected; "
            "the next /deploy enroll tries again, and until then you count on GitHub by that login."
        ),
        "reset-by-host": lambda f, _, __, ___: (
            f"What you had enrolled and linked was taken away from the bot's host: {_gone(f)}"
        ),
        "locked-out": locks.to_owner,
    }
)
_TO_ALL: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "enrolled": lambda f, p, n, w: (
            f"{n(p)} enrolled {_what(f)}; {_counts(f, w)}. {n(p)}, {_lower(_not_you(p))}"
        ),
        "enrolled-pending": lambda f, p, n, _: (
            f"{n(p)} enrolled {_what(f)} with a code from the bot's host. It proves nothing until an administrator has "
            f"asked {n(p)} in person or by phone and confirmed it: /deploy confirm-factor {p}"
        ),
        "enrolled-bootstrap": lambda f, p, n, w: (
            f"BOOTSTRAP: {_what(f)} was enrolled for {n(p)} by {_host(f)}, and nobody else had to confirm it: "
            f"{_why_alone(f)}. So {_counts(f, w)}. If nobody here knows of it, whoever "
            f"runs the bot takes it away: portcullis enroll {p} --again"
        ),
        "confirmed": lambda f, p, n, w: f"{n(f.text('by'))} confirmed {_what(f)} of {n(p)}; {_counts(f, w)}.",
        "removed": lambda f, p, n, _: (
            f"{n(p)} took {_what(f)} of their own away, with another second factor."
        ),
        "reset-asked": lambda f, p, n, w: (
            f"{n(f.text('by'))} asks to take away everything that {n(p)} enrolled and linked{_reason(f)}. It takes a "
            f"second administrator ({_and_who(f, n)}), before {w(at) if (at := f.instant('until')) else 'an hour is over'}: "
            f"/deploy reset-factor {p}"
        ),
        "reset-done": lambda f, p, n, _: (
            f"{n(f.text('first'))} and {n(f.text('by'))} took away everything that {n(p)} had enrolled and "
            f"linked{_reason(f)}: {_gone(f)}"
        ),
        "reset-by-host": lambda f, p, n, _: (
            f"Everything that {n(p)} had enrolled and linked was taken away from the bot's host: {_gone(f)}"
        ),
        "locked-out": locks.to_all,
        "reset-alarm": lambda f, p, n, _: (
            f"ALARM: {n(p)} says that their second factors are not their own{_reason(f)}. {_and_who(f, n)}: speak to "
            f"{n(p)} in person or by phone, then take them away with /deploy reset-factor {p}"
        ),
    }
)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


# Refusals


def _tries(said: Said) -> str:
    left, minutes = said.facts.number("left") or 0, said.facts.text("minutes")
    if left <= 0:
        return f"That was the last try: what takes a second factor is locked for {minutes} minutes, nothing else is."
    return "One try is left." if left == 1 else f"{left} tries are left."


def _able(said: Said) -> str:
    return listed([said.names(p) for p in said.facts.texts("able")], last="or")


def _contradicts(said: Said) -> str:
    provider = _PROVIDERS.get(said.facts.text("provider"), "account")
    told, linked = said.facts.text("said", ""), said.facts.text("linked", "")
    which = f" (the policy says {told}, linked is {linked})" if told and linked else ""
    return (
        f"The policy names another {provider} for {said.who('person', 'this person')} than the one that was linked "
        f"for good{which}, so nothing was done. Whoever keeps the policy can set it right, or two administrators "
        f"reset the person: /deploy reset-factor {said.facts.text('person', 'NAME')}."
    )


def _not_an_administrator(said: Said) -> str:
    able = _able(said)
    roles = listed(said.facts.texts("roles"), last="or")
    who = f"{able} can do it" if able else "nobody of the policy's people holds it now"
    return f"This takes an administrator of second factors ({roles}), and you are none. {who[:1].upper()}{who[1:]}."


def _nobody(said: Said, otherwise: str) -> str:
    return f"{able} can do it" if (able := _able(said)) else otherwise


ENROLMENT: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        # Proof
        "not-proved": lambda _: (
            "This browser has not proved who you are, or did so more than ten minutes ago, so nothing was enrolled. "
            f"{_FRESH}, and prove it in the browser that you enrol with."
        ),
        "wrong-enrolment-code": lambda s: (
            f"That code is wrong, was used already, or is over. {_tries(s)} Whoever runs the bot can make a new one on "
            "its host."
        ),
        "login-not-named": lambda s: (
            "The policy does not name your account at the identity provider, so a login cannot prove who you are. "
            f"Whoever keeps the policy file can add it under people, as oidc. {_tries(s)}"
        ),
        "linked-elsewhere": lambda s: (
            f"That {_PROVIDERS.get(s.facts.text('provider', 'oidc'), 'account')} is, or was, linked to somebody else, and "
            "stays theirs for good, so nothing was done. Use your own; if it is yours, tell whoever keeps the policy."
        ),
        "link-contradicts": _contradicts,
        # Factors
        "passkey-taken": lambda _: (
            "That passkey was enrolled here before, for you or for somebody else, and one passkey belongs to one person "
            "once. Make a new one, on another device or in another password manager."
        ),
        "too-many-factors": lambda s: (
            f"You have {s.facts.text('limit')} second factors already, and that is the most. Take one away that you no "
            "longer use, on this same page."
        ),
        "unknown-factor": lambda _: (
            "That second factor is gone already, or was never yours, so nothing was done. /deploy enroll lists yours."
        ),
        "needs-another-factor": lambda _: (
            "A second factor is taken away with another one of yours, not with itself. Use another one; if this was "
            "your only one, two administrators reset you: /deploy reset-factor."
        ),
        # Administrators
        "no-administrators": lambda s: (
            "The policy names no administrators of second factors (second_factors.administrators), so this is done on "
            f"the bot's host alone: portcullis enroll {s.facts.text('person', 'NAME')} --again."
        ),
        "not-an-administrator": _not_an_administrator,
        "own-factor": lambda s: (
            "Nobody does this to themselves. "
            f"{_nobody(s, 'Another administrator has to, and the policy names none')}."
        ),
        "needs-another-administrator": lambda s: (
            f"You asked for this reset already; a second administrator has to say so too. "
            f"{_nobody(s, 'The policy names no other one')}."
        ),
        "nothing-to-confirm": lambda s: (
            f"Nothing of {s.who('person', 'this person')} waits to be confirmed: it was confirmed or taken away "
            "already, or never had to be."
        ),
        "name-missing": lambda s: f"Say whose: {s.facts.text('usage')}.",
        "factors-reset": lambda _: (
            "The second factors behind this approval were taken away, so it no longer counts."
        ),
    }
)
"""Why an enrolment, a confirmation or a reset is refused."""
