"""Every page arrives somewhere, or its failure makes the chain go on (promise 3); one lane waits for no other."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.domain.incident import IncidentState
from bot.domain.owed import Claimed, Delivery
from bot.domain.page import Page, PageState, WayState
from bot.flows.paging import still_owed
from bot.jobs.deliveries import Pace, delivery_worker
from bot.jobs.lanes import Lanes
from bot.policy import Policy
from bot.ports import Later, Undeliverable
from tests.flows.paging_world import CHAIN, pages, red
from tests.flows.policy_text import policy_of
from tests.flows.world import World

pytestmark = pytest.mark.requirement("F14")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass
class Way:
    """Implements ports.Announcer: behaves as it is told; `ok` once it was told nothing any more."""

    behaviours: list[str] = field(default_factory=list)
    usual: str = "ok"
    sent: list[str] = field(default_factory=list)

    async def announce(self, delivery: Delivery) -> None:
        match self.behaviours.pop(0) if self.behaviours else self.usual:
            case "later":
                raise Later("http-500", 30.0)
            case "never":
                raise Undeliverable("user_not_found")
            case "bug":
                raise KeyError("a bug")
            case "hang":
                await asyncio.Event().wait()
            case _:
                self.sent.append(delivery.destination)


@dataclass
class InForce:
    """Implements ports.PolicyInForce."""

    policy: Policy


@dataclass
class Post:
    """The lanes over a world, and the worker that sends through them."""

    world: World
    ways: dict[str, Way]
    lanes: Lanes

    async def send_all(self) -> None:
        """Everything that is due is tried once, as the worker does it."""
        worker = delivery_worker(self.world.outbox, self.world.clock, self.lanes, Pace(0.0), limit=1.0)
        while claimed := await self.world.outbox.claim(limit=100, busy=frozenset()):
            await asyncio.gather(*(self._one(worker._one, each) for each in claimed))

    async def _one(
        self, work: Callable[[Claimed[Delivery]], Awaitable[None]], claimed: Claimed[Delivery]
    ) -> None:
        """Pages are sent; of the rest nothing is asked here."""
        if claimed.item.kind == "page":
            await work(claimed)
        else:
            await self.world.outbox.finish(claimed)

    async def outcome(self, delivery: Delivery) -> tuple[str, str, float | None]:
        try:
            await self.lanes.announce(delivery)
        except Later as later:
            return "later", later.code, later.after_seconds
        except Undeliverable as never:
            return "never", never.code, None
        except Exception as error:  # noqa: BLE001
            return "bug", type(error).__name__, None
        return "sent", "", None


@pytest.fixture
async def post(sqlite_url: str) -> AsyncIterator[Post]:
    world = World(sqlite_url, policy_of(CHAIN))
    ways = {name: Way() for name in ("slack", "pagerduty", "email", "webhook")}
    yield Post(world, ways, Lanes(ways, world.ledger, InForce(world.policy), limit=0.05))
    await world.close()


async def the_page(post: Post) -> tuple[Page, Delivery]:
    """A page of Cy, who has Slack alone."""
    await red(post.world)
    owed = [d for d in await post.world.deliveries("page") if d.destination == "slack:user:U03CY"]
    (page,) = await pages(post.world)
    return page, owed[0]


async def state(post: Post) -> tuple[PageState, WayState, str | None]:
    page = (await pages(post.world))[0]
    return page.state, page.ways[0].state, page.ways[0].code


@pytest.mark.parametrize(
    ("behaviour", "outcome", "after"),
    [
        ("ok", ("sent", "", None), (PageState.REACHED, WayState.ARRIVED, None)),
        ("never", ("never", "user_not_found", None), (PageState.FAILED, WayState.FAILED, "user_not_found")),
        ("later", ("later", "http-500", 30.0), (PageState.OWED, WayState.OWED, None)),
        ("hang", ("later", "timeout", None), (PageState.OWED, WayState.OWED, None)),
        ("bug", ("bug", "KeyError", None), (PageState.OWED, WayState.OWED, None)),
    ],
)
async def test_a_page_hears_what_became_of_it(
    post: Post, behaviour: str, outcome: tuple[str, str, float | None], after: object
) -> None:
    _, delivery = await the_page(post)
    post.ways["slack"].usual = behaviour
    assert await post.outcome(delivery) == outcome
    assert await state(post) == after


@pytest.mark.parametrize(
    ("behaviour", "code"), [("later", "http-500"), ("hang", "timeout"), ("bug", "KeyError")]
)
async def test_a_page_of_yesterday_is_given_up_and_its_failure_is_told(
    post: Post, behaviour: str, code: str
) -> None:
    _, delivery = await the_page(post)
    post.ways["slack"].usual = behaviour
    post.world.clock.advance(24 * HOUR + MINUTE)
    assert await post.outcome(delivery) == ("never", code, None)
    assert (await state(post))[:2] == (PageState.FAILED, WayState.FAILED)


async def test_a_lane_that_nobody_serves_fails_the_page(post: Post) -> None:
    _, delivery = await the_page(post)
    bare = Lanes({}, post.world.ledger, InForce(post.world.policy))
    with pytest.raises(Undeliverable, match="not-configured"):
        await bare.announce(delivery)
    assert (await state(post))[0] is PageState.FAILED


async def test_a_failed_page_makes_the_chain_go_on_at_once(post: Post) -> None:
    _, delivery = await the_page(post)
    post.ways["slack"].usual = "never"
    await post.outcome(delivery)
    assert {p.step for p in await pages(post.world)} == {1, 2}


async def test_what_is_no_page_is_handed_on_as_it_is(post: Post) -> None:
    await red(post.world)
    card = next(d for d in await post.world.deliveries() if d.kind == "incident-card")
    for behaviour, kind in (("ok", "sent"), ("later", "later"), ("never", "never"), ("bug", "bug")):
        post.ways["slack"].usual = behaviour
        assert (await post.outcome(card))[0] == kind


async def test_a_way_that_hangs_keeps_no_other_way_from_its_page(post: Post) -> None:
    post.ways["slack"].usual = "hang"
    await red(post.world)
    await post.world.pass_time(5 * MINUTE)  # the second step: Ada, by Slack and by mail
    await post.send_all()
    assert "email:ada" in post.ways["email"].sent
    ada = next(p for p in await pages(post.world) if p.recipient == "ada")
    assert ada.state is PageState.REACHED


@pytest.mark.parametrize("seed", range(8))
async def test_every_page_is_delivered_or_its_failure_is_told_whatever_the_ways_do(
    post: Post, seed: int
) -> None:
    """Promise 3, through crashes: what was claimed and not finished is claimed again."""
    chance = random.Random(seed)  # noqa: S311
    kinds = ["ok", "later", "later", "never", "bug", "hang"]
    for way in post.ways.values():
        way.behaviours = [chance.choice(kinds) for _ in range(chance.randint(0, 30))]
        way.usual = chance.choice(["ok", "later", "never", "bug"])
    await red(post.world)
    with capture_logs():  # to draw the traces of so many bugs takes longer than all the rest
        for _ in range(60):
            await post.send_all()
            if chance.random() < 0.1:
                await post.world.outbox.claim(limit=3, busy=frozenset())  # and then the process ends
                post.world.clock.advance(timedelta(seconds=21))
            await post.world.pass_time(chance.choice([MINUTE, 10 * MINUTE, 2 * HOUR]))
        post.world.clock.advance(25 * HOUR)
        await post.send_all()

    incident = await post.world.incident()
    assert incident.state is IncidentState.OPEN
    for page in await pages(post.world):
        assert page.state in (PageState.REACHED, PageState.FAILED), page
        assert (page.state is PageState.REACHED) == any(w.state is WayState.ARRIVED for w in page.ways)
        assert not await post.world.ledger.read(lambda tx, id_=page.id: still_owed(tx, id_))
