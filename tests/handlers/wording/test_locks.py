"""What people are told of a lock: until when, what still works, who can help; and it never is only a code."""

from datetime import UTC, datetime
from typing import Any

from handlers.wording.enrolment import note

FACTS: dict[str, Any] = {
    "code": "locked-out",
    "what": ["person", "address"],
    "address": "203.0.113.9",
    "until": datetime(2026, 11, 10, 15, 15, tzinfo=UTC).isoformat(),
    "failures": 5,
    "minutes": 15,
    "able": ["vic", "ada"],
}


def said(*, own: bool, **changes: Any) -> str:
    return note(FACTS | changes, "bo", str.capitalize, lambda at: f"{at:%H:%M}", own=own)


def test_whoever_is_locked_learns_until_when_what_works_and_who_can_help() -> None:
    assert said(own=True) == (
        "Your second factors are locked until 15:15: 5 failures within 15 minutes, the last from 203.0.113.9. Rejecting, "
        "cancelling and holding still work. If that was not you, somebody is trying to be you: tell Vic or Ada, who can "
        "take your second factors away (/deploy reset-factor bo)."
    )


def test_the_channel_learns_the_same_in_one_line() -> None:
    told = said(own=False)
    assert told.startswith("LOCKED: the second factors of Bo, until 15:15: 5 failures within 15 minutes")
    assert "/deploy reset-factor bo" in told
    assert "\n" not in told


def test_of_an_address_alone_nobody_is_said_to_be_locked() -> None:
    assert said(own=True, what=["address"]) == (
        "Codes are locked from the network address 203.0.113.9 until 15:15: 5 failures within 15 minutes came from there. "
        "A passkey or a login still works. If none of them was yours, Vic or Ada should know."
    )
    assert said(own=False, what=["address"]).startswith(
        "LOCKED: codes from the network address 203.0.113.9, until 15:15:"
    )


def test_where_nobody_administers_somebody_is_named_all_the_same() -> None:
    assert "tell whoever administers the policy, who" in said(own=True, able=[])
