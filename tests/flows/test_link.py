"""One person, one account per provider, for good; what the directory says later does not remap anybody."""

import pytest

from bot.domain.identity import Provider, slack_subject
from bot.flows.asking import Asker
from bot.flows.link import contradictions, link_github, look_again, person_of_slack, undisputed
from tests.flows.enrolling import ADMINISTRATORS, ISSUER, NAMED, PASSKEYS_TOO, Desk, FakeForge
from tests.flows.policy_text import policy_of
from tests.flows.world import World

pytestmark = pytest.mark.requirement("P8")
BO, CY = "bo:  {slack: U02BO, github: bo-r, oidc: sub-bo}", "cy:  {slack: U03CY, github: cy-m}"


@pytest.fixture
def desk(world: World) -> Desk:
    world.policy = policy_of(ADMINISTRATORS, NAMED, PASSKEYS_TOO)
    world.forge = FakeForge()  # type: ignore[assignment]  # it is asked for accounts alone
    return Desk(world)


async def linked(desk: Desk, person: str = "bo") -> Desk:
    token = await desk.begin(person)
    await desk.by_login(token)
    await desk.passkey(token)
    await desk.world.run_timers()
    return desk


def directory(desk: Desk, *changes: tuple[str, str]) -> None:
    """Somebody edits the policy."""
    desk.world.policy = policy_of(ADMINISTRATORS, NAMED, PASSKEYS_TOO, *changes)


async def told(desk: Desk, person: str = "bo") -> list[tuple[str, str, str]]:
    found = await desk.world.ledger.read(lambda tx: contradictions(tx, desk.world.policy, person))
    return [(c.provider.value, c.said, c.linked) for c in found]


async def who(desk: Desk, user: str, team: str = "T1") -> str | None:
    return await desk.world.ledger.read(lambda tx: person_of_slack(tx, desk.world.policy, team, user))


async def test_enrolment_links_slack_the_login_and_github_by_its_number(desk: Desk) -> None:
    await linked(desk)
    assert await desk.links("bo") == {
        "slack": "T1/U02BO",
        "oidc": f"{ISSUER} sub-bo",
        "github": "102",
    }
    assert await told(desk) == []


@pytest.mark.parametrize(
    ("before", "after", "contradiction"),
    [
        (BO, BO.replace("U02BO", "U66EVE"), ("slack", "U66EVE", "U02BO")),
        (BO, BO.replace("sub-bo", "sub-eve"), ("oidc", "sub-eve", "bo@acme.example")),
        (BO, BO.replace("bo-r", "eve"), ("github", "eve", "bo-r")),
        (BO, BO.replace("bo-r", "BO-R"), None),
        (BO, BO.replace(", oidc: sub-bo", ""), None),
        (BO, BO.replace(", github: bo-r", ""), None),
    ],
)
async def test_a_directory_that_contradicts_a_link_is_told(
    desk: Desk, before: str, after: str, contradiction: tuple[str, str, str] | None
) -> None:
    await linked(desk)
    directory(desk, (before, after))
    assert await told(desk) == ([contradiction] if contradiction else [])
    refused = desk.world.ledger.read(lambda tx: undisputed(tx, desk.world.policy, "bo"))
    if contradiction is None:
        await refused
    else:
        assert await desk.why_not(refused) == "link-contradicts"


async def test_a_slack_account_linked_to_another_person_than_the_directory_says_is_nobody(desk: Desk) -> None:
    await linked(desk)
    assert await who(desk, "U02BO") == "bo"
    directory(desk, (BO, BO.replace("U02BO", "U77")), (CY, CY.replace("U03CY", "U02BO")))
    assert await who(desk, "U02BO") is None  # Cy by the directory, Bo's by the link
    assert await desk.why_not(desk.begin("cy")) == "link-contradicts"


async def test_a_second_slack_account_of_a_linked_person_is_nobody(desk: Desk) -> None:
    await linked(desk)
    directory(desk, (BO, BO.replace("U02BO", "U66EVE")))
    assert await who(desk, "U66EVE") is None
    assert await desk.why_not(desk.begin("bo")) == "link-contradicts"


async def test_an_account_of_another_workspace_is_another_account(desk: Desk) -> None:
    await linked(desk)
    assert await who(desk, "U02BO", team="T2EVIL") is None
    found = await desk.world.ledger.read(
        lambda tx: tx.identities.find(Provider.SLACK, slack_subject("T2EVIL", "U02BO"))
    )
    assert found is None


async def test_whoever_linked_nothing_is_whom_the_directory_names(desk: Desk) -> None:
    assert await who(desk, "U02BO") == "bo"
    assert await who(desk, "U99NOBODY") is None


async def test_a_link_that_was_revoked_still_belongs_to_nobody_else(desk: Desk) -> None:
    await linked(desk)
    await desk.issue("bo", again=True)
    assert await desk.links("bo") == {}
    assert await who(desk, "U02BO") == "bo"  # and can link it anew
    directory(desk, (BO, BO.replace("U02BO", "U77")), (CY, CY.replace("U03CY", "U02BO")))
    assert await who(desk, "U02BO") is None


async def test_github_that_does_not_answer_stops_no_enrolment_and_is_tried_again(desk: Desk) -> None:
    forge = desk.world.forge
    assert isinstance(forge, FakeForge)
    forge.silent = True
    await linked(desk)
    assert len(await desk.held("bo")) == 1
    assert "github" not in await desk.links("bo")
    notes = [d for d in await desk.world.deliveries("factor-note") if d.facts["code"] == "github-not-linked"]
    assert [(d.destination, d.facts["why"]) for d in notes] == [("slack:user:U02BO", "timeout")]
    forge.silent = False
    await desk.begin("bo")
    await desk.world.run_timers()
    assert (await desk.links("bo"))["github"] == "102"


async def test_a_login_that_was_renamed_is_the_same_account(desk: Desk) -> None:
    await linked(desk)
    forge = desk.world.forge
    assert isinstance(forge, FakeForge)
    forge.ids["bo-renamed"] = forge.ids.pop("bo-r")
    directory(desk, (BO, BO.replace("bo-r", "bo-renamed")))
    assert [p for p, _, _ in await told(desk)] == ["github"]
    assert await link_github(desk.world.ledger, desk.world.policy, forge, "bo") is None  # type: ignore[arg-type]
    assert await told(desk) == []
    assert (await desk.links("bo"))["github"] == "102"


async def test_a_renamed_login_stands_in_nobodys_way_for_longer_than_github_takes_to_answer(
    desk: Desk,
) -> None:
    await linked(desk)
    forge = desk.world.forge
    assert isinstance(forge, FakeForge)
    forge.ids["bo-renamed"] = forge.ids.pop("bo-r")
    directory(desk, (BO, BO.replace("bo-r", "bo-renamed")))
    await desk.world.ledger.write(lambda tx: look_again(tx, desk.world.policy))
    assert desk.world.timers_set() >= {("link", "bo")}
    token = await desk.begin("bo")
    await desk.by_login(token)
    assert await desk.why_not(desk.passkey(token, "too early")) == "link-contradicts"
    await desk.world.run_timers()
    assert (await desk.passkey(token, "in time")).person == "bo"


@pytest.mark.parametrize(("number", "why"), [("999", "link-contradicts"), ("103", "linked-elsewhere")])
async def test_a_login_that_changed_hands_is_not_linked(desk: Desk, number: str, why: str) -> None:
    await linked(desk)
    forge = desk.world.forge
    assert isinstance(forge, FakeForge)
    if why == "linked-elsewhere":
        await link_github(desk.world.ledger, desk.world.policy, forge, "cy")  # type: ignore[arg-type]
        await desk.issue("bo", again=True)
    forge.ids["bo-r"] = number
    assert await link_github(desk.world.ledger, desk.world.policy, forge, "bo") == why  # type: ignore[arg-type]
    assert (await desk.links("bo")).get("github") == ("102" if why == "link-contradicts" else None)


async def test_without_github_nothing_is_linked_there_and_nobody_is_told(desk: Desk) -> None:
    desk.world.forge = None
    await linked(desk)
    assert "github" not in await desk.links("bo")
    assert "github-not-linked" not in await desk.world.told("factor-note")


async def test_the_same_account_is_linked_once(desk: Desk) -> None:
    await linked(desk)
    token = await desk.begin("bo")
    await desk.by_login(token)
    await desk.passkey(token, "second")
    entries = [e["type"] for e in await desk.world.entries() if e["subject"].startswith("identity/")]
    assert entries.count("identity.linked") == 3
    assert isinstance(desk.world.asker("bo"), Asker)
