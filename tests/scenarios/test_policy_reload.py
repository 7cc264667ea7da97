"""A policy is changed while the bot runs: a bad one changes nothing, a good one is in force, audited and told."""

import pytest

from bot.domain.change_request import RequestState
from bot.flows import reload_policy
from bot.policy import Policy
from tests.scenarios.hands import ADA, DEPLOYMENTS, LIN
from tests.scenarios.stage import GOOD, Stage


def edit(stage: Stage, old: str, new: str) -> None:
    policy = stage.folder / "policy.yaml"
    text = policy.read_text()
    assert old in text
    policy.write_text(text.replace(old, new))


async def reload(stage: Stage) -> bool:
    assert stage.bot is not None
    return await stage.bot.reload()


BAD = [
    ("timezone: America/New_York", "timezone: America/New_Yrok", ":5:", "New_York"),
    ("platform-lead, release-manager", "platform-led", "platform-led", "platform-lead"),
    ("soak:", "sok:", "sok", "soak"),
    ("for: 1h", "for: an hour", "an hour", None),
    ("version: 1", "version: [", ":", None),
]


@pytest.mark.requirement("D1")
@pytest.mark.parametrize(("old", "new", "names", "meant"), BAD, ids=[new for _, new, _, _ in BAD])
async def test_a_bad_policy_leaves_the_old_one_in_force_and_says_where_it_is_bad(
    stage: Stage, old: str, new: str, names: str, meant: str | None
) -> None:
    before = stage.policy().digest
    edit(stage, old, new)
    assert not await reload(stage)
    notice = await stage.message(DEPLOYMENTS, "was refused", "stays in force", names)
    assert meant is None or meant in stage.people.text_of(notice)
    (refused,) = await stage.entries("policy.refused")
    assert refused["facts"]["in_force"] == before
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    kept = await stage.request(request)
    assert kept.readiness is not None
    assert kept.readiness.policy_digest == before
    edit(stage, new, old)
    assert await reload(stage)
    assert len(await stage.entries("policy.in-force")) == 1  # it was in force all the time: no news
    await stage.intact()


async def test_a_policy_file_that_is_gone_leaves_the_old_one_in_force(stage: Stage) -> None:
    (stage.folder / "policy.yaml").unlink()
    assert not await reload(stage)
    await stage.message(DEPLOYMENTS, "was refused")
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")


@pytest.mark.requirement("D1")
async def test_a_policy_that_cannot_be_read_for_any_other_reason_is_refused_and_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Policy:
        raise OverflowError("date value out of range")

    before = stage.policy().digest
    monkeypatch.setattr(reload_policy, "load", broken)
    assert not await reload(stage)
    await stage.message(
        DEPLOYMENTS, "was refused", "stays in force", "the policy could not be read", "OverflowError"
    )
    (refused,) = await stage.entries("policy.refused")
    assert refused["facts"]["in_force"] == before
    assert stage.bot is not None
    assert stage.bot.decider.holder.policy.digest == before


@pytest.mark.requirement("P9")
async def test_a_good_policy_is_in_force_audited_and_opens_a_new_revision(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    card = await stage.card(request, "Approve")
    await stage.open_approval("ada", request)
    before = await stage.request(request)
    old = stage.policy().digest
    edit(stage, "expires: 24h", "expires: 12h")
    new = stage.policy().digest
    assert await reload(stage)
    (_, turned) = await stage.entries("policy.in-force")
    assert (turned["facts"]["digest"], turned["facts"]["previous"]) == (new, old)
    await stage.message(DEPLOYMENTS, "A new policy is in force")
    await stage.message(DEPLOYMENTS, "the policy", "revision 2", thread_of=card["ts"])
    after = await stage.request(request)
    assert (before.revision, after.revision) == (1, 2)
    assert after.fingerprint != before.fingerprint
    assert after.readiness is not None
    assert after.readiness.policy_digest == new
    await stage.people.submit(ADA, {"code": stage.code("ada")})
    await stage.modal(ADA, "Not possible", "changed while you read it")
    await stage.people.close(ADA, everything=True)
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    answer = await stage.api("/api/v1/decision", service="catalogue", artifact=GOOD, environment="production")
    assert answer["policy"] == new
    told = [e for e in await stage.entries("request.") if (e.get("state") or {}).get("readiness")]
    assert {e["state"]["readiness"]["policy_digest"] for e in told} == {old, new}
    await stage.intact()


async def test_a_stricter_policy_refuses_what_waits(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    edit(stage, "^CHG-[0-9]+$", "^RFC-[0-9]+$")
    assert await reload(stage)
    await stage.until(request, RequestState.REFUSED)
    await stage.card(request, "Refused")
    await stage.told(LIN, "RFC-")


async def test_a_service_that_leaves_the_policy_ends_its_open_requests(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    text = (stage.folder / "policy.yaml").read_text()
    begin = text.index("  # The catalogue may go out")
    end = text.index("environments:\n  production:")
    (stage.folder / "policy.yaml").write_text(text[:begin] + "\n" + text[end:])
    assert await reload(stage)
    await stage.until(request, RequestState.REFUSED)
    told = await stage.told(LIN, request, "no longer in the policy")
    assert "passed" not in told  # the gates are not why
    assert "There is no service" in await stage.deploy(LIN, f"request catalogue {GOOD}")
    await stage.card(request, "Refused")
