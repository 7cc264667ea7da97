"""A small world for flows: the real ledger on a file, everything outside it faked, and verbs to move it with."""

import json
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from datetime import datetime, timedelta
from typing import Any, Final

from bot.domain.approval import Approval
from bot.domain.change_request import ChangeRequest
from bot.domain.deployment import Run
from bot.domain.environment import Colour, Reading
from bot.domain.evidence import EvidenceKind
from bot.domain.incident import Incident
from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.flows import (
    action_items,
    alerts,
    approve,
    break_glass,
    close,
    escalate,
    handoff,
    keep_feed,
    lock_notes,
    observe,
    postmortem,
    remind,
    review,
    sight,
    soon_again,
    verify,
)
from bot.flows.asking import Asker
from bot.flows.collect import Collector
from bot.flows.enroll import enroll_totp
from bot.flows.evaluate import evaluate
from bot.flows.evidence import Accepted, Statement, accept
from bot.flows.freeze_moments import fire, look_ahead
from bot.flows.link import link_github
from bot.flows.reload_policy import put_in_force
from bot.flows.request import Ask, Submitted, submit
from bot.flows.run import carry_out
from bot.flows.still_red import still_red
from bot.policy import Policy
from bot.ports import Metrics, Repositories
from storage.ledger import Ledger
from storage.owed import DeliveryTable, TimerTable
from tests.flows.fakes import (
    DIGEST,
    OLD_DIGEST,
    OLD_TAG,
    TAG,
    FakeClock,
    FakeCodeCheck,
    FakeDeployer,
    FakeDeployers,
    FakeRegistry,
)
from tests.flows.policy_text import policy_of

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

PLAIN: Final[Mapping[str, Callable[[Ledger, Policy, str], Awaitable[None]]]] = {
    "freeze": fire,
    "feed": keep_feed.fire,
    "break-glass": break_glass.fire,
    "remind": remind.remind,
    "review": review.remind,
    "escalate": escalate.escalate,
    "postmortem": postmortem.remind,
    "action": action_items.remind,
    lock_notes.TIMER: lock_notes.tell_lock,
    "silence": observe.silence_over,
    soon_again.TIMER: still_red,
    handoff.KIND: handoff.fire,
    alerts.TIMER: alerts.let_age,
    sight.TIMER: lambda ledger, policy, _: sight.page_if_blind(ledger, policy),
}
"""The flows of timers that need nothing but the ledger, the policy and the timer's subject."""


class World:
    """One installation, its people and its outside."""

    def __init__(self, url: str, policy: Policy | None = None) -> None:
        self.url = url
        self.clock = FakeClock()
        self.policy = policy or policy_of()
        self.ledger = Ledger(url, self.clock)
        self.registry = FakeRegistry(self.clock)
        self.deployer = FakeDeployer()
        self.deployers = FakeDeployers(self.deployer)
        self.codes = FakeCodeCheck()
        self.forge: Repositories | None = None
        self.metrics: Metrics | None = None
        self.watched: dict[str, observe.Watched] = {}
        self._keys = 0
        self._steps = 0
        self._wire()

    def _wire(self) -> None:
        self.collector = Collector(self.ledger, self.registry, self.deployers, self.clock)
        self.timers = TimerTable(self.ledger, self.clock)
        self.outbox = DeliveryTable(self.ledger, self.clock)

    async def restart(self) -> None:
        """The process ends and comes back: only what is on disk is left, and leases have run out."""
        await self.ledger.close()
        self.ledger = Ledger(self.url, self.clock)
        self.watched = {}
        self._wire()
        self.clock.advance(timedelta(seconds=21))

    def key(self) -> str:
        self._keys += 1
        return f"key-{self._keys}"

    # What people do

    def asker(self, person: str) -> Asker:
        known = self.policy.people.get(person)
        user = (known.slack if known is not None else None) or "U99NOBODY"
        return Asker(team="T1", user=user, reply={"channel": "C1", "user": user})

    async def ask(self, person: str = "lin", **changes: Any) -> str:
        return (await self.submit(person, **changes)).request_id

    async def submit(self, person: str = "lin", **changes: Any) -> Submitted:
        usual: dict[str, Any] = {
            "asker": self.asker(person),
            "key": self.key(),
            "service": "checkout",
            "artifact": TAG,
            "environment": "production",
            "ticket": "CHG-1207",
        }
        return await submit(self.ledger, self.policy, Ask(**(usual | changes)))

    async def enroll(self, *people: str) -> None:
        for person in people:
            await enroll_totp(self.ledger, self.policy, person=person, sealed="x", by="root", again=True)

    async def sign(self, person: str, request_id: str = "DEP-1", **changes: Any) -> None:
        """Approve with the person's next code, having seen the request as it stands now."""
        seen = await self.request(request_id)
        self._steps += 1
        usual: dict[str, Any] = {
            "asker": self.asker(person),
            "key": self.key(),
            "request": request_id,
            "revision": seen.revision,
            "fingerprint": seen.fingerprint or "",
            "code": f"{person}-{self._steps}",
        }
        signature = approve.Signature(**(usual | changes))
        await approve.sign(self.ledger, self.policy, self.codes, signature)

    async def refusal_of_signing(self, person: str, request_id: str = "DEP-1", **changes: Any) -> str:
        try:
            await self.sign(person, request_id, **changes)
        except Refusal as refusal:
            return refusal.code
        return "signed"

    async def approve(self, *people: str, request_id: str = "DEP-1") -> None:
        """They sign one after the other, and everything due runs."""
        for person in people:
            await self.sign(person, request_id)
        await self.run_timers()

    async def reject(self, person: str, request_id: str = "DEP-1", reason: str | None = "Not today") -> None:
        await close.reject(self.ledger, self.policy, self.asker(person), request_id, reason, key=self.key())

    async def cancel(self, person: str, request_id: str = "DEP-1") -> None:
        await close.cancel(self.ledger, self.policy, self.asker(person), request_id, key=self.key())

    async def press_start(self, person: str = "lin", request_id: str = "DEP-1") -> None:
        await close.ask_to_start(self.ledger, self.policy, self.asker(person), request_id, key=self.key())

    async def reload(self, *changes: tuple[str, str]) -> None:
        """Another policy is in force from now on."""
        self.policy = policy_of(*changes)
        await put_in_force(self.ledger, self.policy)

    # What is stated and seen

    async def state(self, kind: str, ago: timedelta = timedelta(0), **changes: Any) -> Accepted:
        usual: dict[str, Any] = {
            "source": "ci",
            "kind": EvidenceKind(kind),
            "service": "checkout",
            "artifact": TAG,
            "digest": DIGEST,
            "environment": None,
            "passed": True,
            "at": self.clock.now() - ago,
            "counts": {},
            "details": {},
        }
        return await accept(self.ledger, self.policy, Statement(**(usual | changes)))

    async def prove(self, tag: str = TAG, digest: str = DIGEST, *, soaked: timedelta = 3 * HOUR) -> None:
        """CI, the scanner and staging say all that production's gates want to hear about an artifact."""
        of = {"artifact": tag, "digest": digest}
        await self.state("build", 5 * HOUR, details={"authors": ["sam-k"]}, **of)
        await self.state("deployment", soaked, environment="staging", **of)
        await self.state("verification", min(soaked, HOUR), environment="staging", **of)
        await self.state("scan", min(soaked, HOUR), counts={"critical": 0, "high": 0}, **of)

    async def runs_already(self, tag: str = OLD_TAG, digest: str = OLD_DIGEST, ago: timedelta = DAY) -> None:
        await self.state("deployment", ago, environment="production", artifact=tag, digest=digest)

    async def see(self, environment: str, monitor: str, colour: Colour, code: str = "probe") -> None:
        """One reading of one monitor."""
        found = next(m for m in self.policy.environments[environment].monitors if m.name == monitor)
        watched = self.watched.setdefault(f"{environment}/{monitor}", observe.Watched())
        decisive = found.kind == "file"
        reading = Reading(colour=colour, code=code, at=self.clock.now(), decisive=decisive)
        await observe.observe(self.ledger, self.policy, environment, found, reading, watched)

    async def green(self) -> None:
        for name, environment in self.policy.environments.items():
            for monitor in environment.monitors:
                await self.see(name, monitor.name, Colour.GREEN)

    async def ready(self) -> None:
        """Everything that production's gates want is there, and everybody has a second factor."""
        await self.green()
        await self.runs_already()
        await self.prove()
        await self.enroll("ada", "bo", "cy", "vic", "sam")

    # What the machine does

    async def run_timers(self) -> int:
        """Fire what is due, in its order, until nothing is; how many fired."""
        fired = 0
        while claimed := await self.timers.claim(limit=50, busy=frozenset()):
            for each in claimed:
                await self.fire(each.item.kind, each.item.subject)
                await self.timers.finish(each)
                fired += 1
                assert fired < 500, "timers fire for ever"
        return fired

    async def fire(self, kind: str, subject: str) -> None:
        plain = PLAIN.get(kind)
        if plain is not None:
            await plain(self.ledger, self.policy, subject)
        elif kind == "evaluate":
            await evaluate(self.ledger, self.collector, self.policy, subject)
        elif kind == "run":
            await carry_out(self.ledger, self.deployers, self.policy, subject, self.metrics)
        elif kind == "verify":
            await verify.look(self.ledger, self.deployers, self.policy, subject, self.metrics)
        elif kind == "freeze-ahead":
            await look_ahead(self.ledger, self.policy)
        elif kind == "link":
            await link_github(self.ledger, self.policy, self.forge, subject)
        else:
            raise LookupError(kind)

    async def pass_time(self, by: timedelta) -> None:
        """Let time pass, with every timer fired at its own instant."""
        await self.pass_until(self.clock.now() + by)

    async def pass_until(self, end: datetime) -> None:
        await self.run_timers()
        while (due := await self.timers.next_due()) is not None and due <= end:
            self.clock.at = max(self.clock.at, due)
            if not await self.run_timers():
                break
        self.clock.at = max(self.clock.at, end)
        await self.run_timers()

    async def next_timer(self) -> datetime | None:
        return await self.timers.next_due()

    # What can be seen afterwards

    async def request(self, request_id: str = "DEP-1") -> ChangeRequest:
        found = await self.ledger.read(lambda tx: tx.requests.get(request_id))
        assert found is not None
        return found

    async def state_of(self, request_id: str = "DEP-1") -> str:
        return (await self.request(request_id)).state.value

    async def approvals(self, request_id: str = "DEP-1") -> dict[str, Approval]:
        """The signatures of the newest revision that has any, by person."""
        found = await self.ledger.read(lambda tx: tx.approvals.of(request_id))
        return {a.person: a for a in found}

    async def standing(self, request_id: str = "DEP-1") -> dict[str, tuple[str, str | None]]:
        return {p: (a.state.value, a.code) for p, a in (await self.approvals(request_id)).items()}

    async def runs(self, request_id: str = "DEP-1") -> list[Run]:
        return await self.ledger.read(lambda tx: tx.runs.of(request_id))

    async def outcome(self, gate: str, request_id: str = "DEP-1") -> tuple[str, str]:
        readiness = (await self.request(request_id)).readiness
        assert readiness is not None
        found = next(o for o in readiness.outcomes if o.gate == gate)
        return found.status.value, found.code

    async def incidents(self) -> list[Incident]:
        return await self.ledger.read(lambda tx: tx.incidents.open())

    async def incident(self, incident_id: str = "INC-1") -> Incident:
        found = await self.ledger.read(lambda tx: tx.incidents.get(incident_id))
        assert found is not None
        return found

    async def entries(self, subject: str | None = None) -> list[dict[str, Any]]:
        found = await self.ledger.read(lambda tx: tx.trail.entries(subject=subject))
        return [json.loads(e.body) for e in found]

    async def types(self, subject: str | None = None) -> list[str]:
        return [e["type"] for e in await self.entries(subject)]

    async def deliveries(self, kind: str | None = None) -> list[Delivery]:
        """What is owed and not told yet; asking takes it away."""
        found: list[Delivery] = []
        while claimed := await self.outbox.claim(limit=1000, busy=frozenset()):
            for each in claimed:
                await self.outbox.finish(each)
            found += [c.item for c in claimed]
        return [d for d in found if kind is None or d.kind == kind]

    async def told(self, kind: str, person: str | None = None) -> list[Any]:
        """The codes of what is owed of one kind (to one person); asking takes everything owed away."""
        lane = None if person is None else f"slack:user:{self.asker(person).user}"
        found = await self.deliveries(kind)
        return [d.facts.get("code") for d in found if lane is None or d.destination == lane]

    async def everything(self) -> dict[str, int]:
        """How many rows every table has: what a refused command must leave as it was."""
        with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            return {n: connection.execute(f"SELECT count(*) FROM {n}").fetchone()[0] for (n,) in tables}  # noqa: S608

    def timers_set(self) -> set[tuple[str, str]]:
        """Kind and subject of every timer that will fire."""
        with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection:
            return set(connection.execute("SELECT kind, subject FROM timers").fetchall())

    async def close(self) -> None:
        with suppress(Exception):
            await self.ledger.close()
