"""A lock in words: what is locked, until when, what still works, and who can help."""

from handlers.wording.facts import Facts, listed, plural
from handlers.wording.said import Names
from handlers.wording.times import When

_STILL = "Rejecting, cancelling and holding still work."


def to_owner(facts: Facts, person: str, names: Names, when: When) -> str:
    """For whoever is locked, or failed last at an address that is."""
    until, many = _until(facts, when), _many(facts)
    if "person" not in facts.texts("what"):
        return (
            f"Codes are locked from the network address {facts.text('address')} until {until}: {many} came from there. "
            f"A passkey or a login still works. If none of them was yours, {_help(facts, names)} should know."
        )
    return (
        f"Your second factors are locked until {until}: {many}{_whence(facts)}. {_STILL} If that was not you, somebody "
        f"is trying to be you: tell {_help(facts, names)}, who can take your second factors away "
        f"(/deploy reset-factor {person})."
    )


def to_all(facts: Facts, person: str, names: Names, when: When) -> str:
    """For the channel of incidents."""
    until, many = _until(facts, when), _many(facts)
    if "person" not in facts.texts("what"):
        return (
            f"LOCKED: codes from the network address {facts.text('address')}, until {until}: {many} came from there, the "
            f"last for {names(person)}. Passkeys and logins still work."
        )
    return (
        f"LOCKED: the second factors of {names(person)}, until {until}: {many}{_whence(facts)}. {_STILL} If it was not "
        f"{names(person)}, {_help(facts, names)} can take them away (/deploy reset-factor {person})."
    )


def _until(facts: Facts, when: When) -> str:
    at = facts.instant("until")
    return "the failures are older" if at is None else when(at)


def _many(facts: Facts) -> str:
    failures, minutes = facts.number("failures") or 0, facts.number("minutes") or 0
    return f"{plural(failures, 'failure')} within {plural(minutes, 'minute')}"


def _whence(facts: Facts) -> str:
    address = facts.text("address", "")
    return f", the last from {address}" if address else ""


def _help(facts: Facts, names: Names) -> str:
    able = [names(person) for person in facts.texts("able")]
    return listed(able, last="or") if able else "whoever administers the policy"
