"""GET /api/v1/decision: the gates' verdict over HTTP is the one that Slack and the scheduler act on."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.domain.artifact import Artifact
from bot.domain.change_request import SYSTEM, ChangeRequest, Kind, Start
from bot.flows.evaluate import judged
from handlers.http.decision import readiness_json

NEW = "7a3f9c2"
ASKED = {"service": "checkout", "artifact": NEW, "environment": "production", "ticket": "CHG-1"}


def decision(**changed: str) -> str:
    """The address of the decision on ASKED, changed."""
    return "/api/v1/decision?" + urlencode(ASKED | changed)


async def same_question_to_the_flow(served: Any, *, start: Start = Start()) -> dict[str, Any]:  # noqa: B008 -- frozen
    """What the flow behind Slack decides, for a request that stands in no database."""
    now = served.clock.now()
    request = ChangeRequest(
        id="DEP-1",
        number=1,
        kind=Kind.PROMOTION,
        service="checkout",
        environment="production",
        artifact=Artifact(NEW),
        requester=SYSTEM,
        requested_at=now,
        expires_at=now + timedelta(hours=1),
        evidence_deadline=now,
        ticket="CHG-1",
        start=start,
    )
    judgement = await judged(served.collector, served.in_force.policy, request, now)
    shown: dict[str, Any] = readiness_json(judgement.readiness)
    return shown


WITHOUT = {
    "": (True, None),
    "verification": (False, "staging-verified"),
    "staging": (False, "soak"),
    "scan": (False, "vulnerabilities"),
    "build": (False, "immutable-artifact"),
    "way-back": (False, "rollback-target"),
}


@pytest.mark.requirement("P23")
@pytest.mark.parametrize(("missing", "expected"), WITHOUT.items())
async def test_the_api_decides_what_the_flow_decides_and_what_skips_a_step_may_not_start(
    served: Any, missing: str, expected: tuple[bool, str | None]
) -> None:
    await served.pass_all_gates(without=missing)
    status, answer = await served.get(decision())
    assert status == 200
    expected_start, culprit = expected
    assert answer["may_start"] is expected_start
    stopping = [g["gate"] for g in answer["gates"] if g["status"] != "passed"]
    assert stopping == ([] if culprit is None else [culprit])
    assert answer | await same_question_to_the_flow(served) == answer


@pytest.mark.requirement("P23")
async def test_outside_the_window_it_may_be_approved_and_says_until_when(served: Any) -> None:
    await served.pass_all_gates()
    saturday = datetime.fromisoformat("2026-03-07T15:00:00+00:00")
    status, answer = await served.get(decision(at="2026-03-07T15:00:00Z"))
    assert (status, answer["readiness"], answer["may_start"]) == (200, "waiting", False)
    assert answer["judged_at"] == "2026-03-07T15:00:00+00:00"
    assert answer["waits_until"] == "2026-03-09T04:00:00+00:00"  # Monday, midnight in New York
    assert (answer["earliest"], answer["awaits"]) == ("2026-03-09T04:00:00+00:00", [])
    assert answer | await same_question_to_the_flow(served, start=Start(mode="at", at=saturday)) == answer


@pytest.mark.requirement("P12")
async def test_what_passes_now_is_earliest_now_and_what_is_unknown_never(served: Any) -> None:
    await served.pass_all_gates()
    _, answer = await served.get(decision())
    assert answer["earliest"] == answer["judged_at"]
    assert answer["too_old_by_then"] == []
    _, unknown = await served.get(decision(artifact="0ddba11"))
    assert unknown["earliest"] is None


async def test_an_offset_in_the_address_is_read(served: Any) -> None:
    _, answer = await served.get(decision(at="2026-03-07T10:00:00-05:00"))
    assert answer["judged_at"] == "2026-03-07T15:00:00+00:00"


async def test_a_decision_writes_nothing(served: Any) -> None:
    before = await served.entries()
    await served.get(decision())
    assert await served.entries() == before


async def test_every_reason_comes_with_words_and_what_unblocks_it(served: Any) -> None:
    _, answer = await served.get(decision())
    assert answer["readiness"] in ("blocked", "unknown")
    assert len(answer["gates"]) == len(served.in_force.policy.environments["production"].gates)
    for gate in answer["gates"]:
        assert gate["text"]
        assert gate["status"] in ("passed", "waiting") or gate["unblocks"]


async def test_the_answer_names_the_digest_and_what_runs_now(served: Any) -> None:
    await served.pass_all_gates()
    _, answer = await served.get(decision())
    assert answer["digest"] == served.registry.digests[NEW]
    assert answer["running"]["artifact"] == "1b2c3d4"
    assert answer["policy"] == served.in_force.policy.digest


async def test_a_decision_takes_a_token(served: Any) -> None:
    status, answer = await served.get(decision(), token=None)
    assert (status, answer["error"]) == (401, "unauthorized")


BAD = [
    ({"service": ""}, 400, "missing-parameter", "service"),
    ({"artifact": ""}, 400, "missing-parameter", "artifact"),
    ({"environment": ""}, 400, "missing-parameter", "environment"),
    ({"service": "chekout"}, 422, "unknown-service", "service"),
    ({"environment": "prodution"}, 422, "unknown-environment", "environment"),
    ({"fixes": "prodution"}, 422, "unknown-environment", "fixes"),
    ({"artifact": "no tag"}, 422, "bad-artifact", "artifact"),
    ({"artifact": "a\x00b"}, 422, "bad-artifact", "artifact"),
    ({"service": "x" * 129}, 400, "bad-parameter", "service"),
    ({"ticket": "x" * 129}, 400, "bad-parameter", "ticket"),
    ({"at": "tomorrow"}, 400, "bad-instant", "at"),
    ({"at": "2026-03-07T15:00:00"}, 400, "bad-instant", "at"),
    ({"at": "2026-03-07T15:00:00 05:00"}, 400, "bad-instant", "at"),
    ({"at": "1772636400"}, 400, "bad-instant", "at"),
    ({"at": "0001-01-01T00:00:00+12:00"}, 400, "bad-instant", "at"),
    ({"tiket": "CHG-1"}, 400, "unknown-parameter", "tiket"),
]


@pytest.mark.parametrize(("changed", "status", "code", "field"), BAD)
async def test_a_bad_parameter_is_named(
    served: Any, changed: dict[str, str], status: int, code: str, field: str
) -> None:
    found, answer = await served.get(decision(**changed))
    assert (found, answer["error"], answer["field"]) == (status, code, field)
    assert answer["message"].endswith((".", "?"))


async def test_a_parameter_that_stands_twice_is_named(served: Any) -> None:
    status, answer = await served.get(decision() + "&service=catalogue")
    assert (status, answer["error"], answer["field"]) == (400, "parameter-twice", "service")


@pytest.mark.parametrize("raw", ["service=%ff%fe", "service=%ED%A0%80", "service=%00", "%ED%A0%80=1", "&&=&"])
async def test_bytes_that_are_no_text_are_refused_in_words(served: Any, raw: str) -> None:
    status, answer = await served.get(f"/api/v1/decision?{raw}&artifact=x&environment=production")
    assert status in (400, 422)
    assert answer["message"]


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
async def test_the_ends_of_time_are_answered(served: Any, at: str) -> None:
    status, answer = await served.get(decision(at=at))
    assert status == 200
    assert answer["may_start"] is False
