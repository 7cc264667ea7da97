"""What is known of an incident: what happened when, how long each part of it took, and how the colours went (F9, F12)."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from pydantic import JsonValue

from bot.domain.audit import Entry
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.course import Course
from bot.domain.environment import Colour, MonitorState, Turn
from bot.domain.incident import Cause, Incident
from bot.domain.page import Page, PageState, WayState
from bot.domain.postmortem import Postmortem, PostmortemState
from bot.domain.refusal import Refusal
from bot.flows.suspects import changed_before
from bot.policy import Policy
from bot.ports import Ledger, Place, Transaction

FAILING_SINCE: Final = "failing_since"
"""The fact of `incident.opened` that tells when the first of the readings failed that opened it."""
DETECTION: Final = timedelta(minutes=5)
RESOLUTION: Final = timedelta(hours=1)
"""F12: found within this after the first failing reading, and for P1 (and worse) over within that."""
URGENT: Final = ("P0", "P1")
LOOKS_BACK: Final = timedelta(hours=1)
MOST_ENTRIES: Final = 2000
MOST_REQUESTS: Final = 100
_UNSET: Final = "not-configured"
"""The code of a way that the settings do not have."""
_SILENT: Final = frozenset(
    {
        "incident.escalated", "incident.chain-stopped", "incident.causes", "incident.regrouped",
        "incident.deadline",
    }
)  # fmt: skip
"""Entries that the pages and the colours tell better."""
_ENDS: Final = {
    RequestState.LIVE: "went-live",
    RequestState.FAILED: "failed",
    RequestState.UNRESOLVED: "unresolved",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened. `code` is an audit type without its noun, or tells of a page, a colour or a rollout."""

    at: datetime
    code: str
    person: str | None = None
    facts: dict[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """How long one part took, and within what it has to be done; None: not known (yet), or nothing asks for it."""

    took: timedelta | None
    within: timedelta | None = None

    @property
    def missed(self) -> bool:
        """Whether it is known to have taken too long."""
        return self.took is not None and self.within is not None and self.took > self.within


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long it took to find it, to answer it and to end it (F12, F7)."""

    detection: Goal
    answer: Goal
    resolution: Goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All that is known of an incident, for people to read. `until` is when it was resolved, or now."""

    incident: Incident
    postmortem: Postmortem | None
    moments: tuple[Moment, ...]
    times: Times
    courses: tuple[Course, ...]
    changed: tuple[ChangeRequest, ...]  # what went live within the hour before, newest first
    others: tuple[str, ...]  # incidents that its pages told of as well
    begins: datetime
    until: datetime
    now: datetime
    failing_since: datetime | None = None
    place: Place | None = None  # of the message that stands for its post-mortem


def place_of(incident: str) -> str:
    """The subject under which it is kept where the message of a post-mortem stands."""
    return f"postmortem/{incident}"


async def account(ledger: Ledger, policy: Policy, incident_id: str) -> Account:
    """What is known of one incident. Raises Refusal `unknown-incident`."""
    return await ledger.read(lambda tx: account_of(tx, policy, incident_id))


async def drafts(ledger: Ledger, *, limit: int) -> tuple[Sequence[Postmortem], int]:
    """The post-mortems that nobody published yet, the first due first, and how many there are in all."""

    def query(tx: Transaction) -> tuple[Sequence[Postmortem], int]:
        found = [each for each in tx.postmortems.drafts() if each.state is PostmortemState.DRAFT]
        return found[:limit], len(found)

    return await ledger.read(query)


def account_of(tx: Transaction, policy: Policy, incident_id: str) -> Account:
    """The same within a transaction."""
    incident = tx.incidents.get(incident_id)
    if incident is None:
        raise Refusal("unknown-incident", {"incident": incident_id[:40]})
    until = incident.resolved_at or tx.now
    entries = [json.loads(entry.body) for entry in _entries(tx, f"incident/{incident.id}")]
    own = tx.environments.turns(incident.environment, since=incident.opened_at - LOOKS_BACK)
    failing = _failing_since(incident, entries, own)
    begins = min(failing or incident.opened_at, incident.opened_at) - timedelta(minutes=5)
    changed = changed_before(tx, incident.environment, incident.opened_at)
    moments = [
        *_turned(incident.environment, [t for t in own if begins < t.since <= until]),
        *_said(entries),
        *_paged(incident, tx.pages.of(incident.id)),
        *_rolled(tx, incident, changed, until),
    ]
    return Account(
        incident=incident,
        postmortem=tx.postmortems.get(incident.id),
        moments=tuple(sorted(moments, key=lambda moment: moment.at)),
        times=_times(incident, failing),
        courses=_courses(tx, policy, incident.environment, begins, until),
        changed=changed,
        others=_others(tx, incident),
        begins=begins,
        until=until,
        now=tx.now,
        failing_since=failing,
        place=tx.place(place_of(incident.id), "card"),
    )


def failing_since(tx: Transaction, incident: Incident) -> str | None:
    """When the first of the readings failed that make its environment RED, for `incident.opened` (F12); None where no
    monitor opened it. In words, because it stands in a record."""
    if incident.cause is not Cause.MONITORS:
        return None
    return first_failing(tx.environments.monitors(incident.environment))


def first_failing(monitors: Iterable[MonitorState]) -> str | None:
    """The same of these monitors; None where none of them is RED."""
    found = [at for monitor in monitors if (at := _red_since(monitor)) is not None]
    return min(found).isoformat() if found else None


def _red_since(monitor: MonitorState) -> datetime | None:
    if monitor.colour is not Colour.RED:
        return None
    since = monitor.since
    for reading in reversed(monitor.recent):
        if reading.colour is not Colour.RED:
            break
        since = min(since, reading.at)
    return since


def _entries(tx: Transaction, subject: str) -> list[Entry]:
    found: list[Entry] = []
    page = partial(tx.trail.entries, limit=500, subject=subject)
    while len(found) < MOST_ENTRIES and (more := page(after=found[-1].seq if found else 0)):
        found += more
    return found


def _failing_since(
    incident: Incident, entries: Sequence[dict[str, Any]], turns: Sequence[Turn]
) -> datetime | None:
    """When it began by the readings that opened it, or by the colour that it had then; None: no monitor saw it."""
    said = next((e["facts"].get(FAILING_SINCE) for e in entries if e["type"] == "incident.opened"), None)
    found = [datetime.fromisoformat(said)] if isinstance(said, str) else []
    before = [turn for turn in turns if turn.since <= incident.opened_at]
    if said is not None and before and before[-1].colour is Colour.RED:
        found.append(before[-1].since)
    return min(found, default=None)


def _times(incident: Incident, failing: datetime | None) -> Times:
    opened, answered, over = incident.opened_at, incident.answered_at, incident.resolved_at
    respond = None if incident.respond_by is None else incident.respond_by - opened
    return Times(
        detection=Goal(took=None if failing is None else opened - failing, within=DETECTION),
        answer=Goal(took=None if answered is None else answered - opened, within=respond),
        resolution=Goal(
            took=None if over is None else over - opened,
            within=RESOLUTION if incident.severity in URGENT else None,
        ),
    )


def _said(entries: Iterable[dict[str, Any]]) -> list[Moment]:
    return [
        Moment(
            at=datetime.fromisoformat(entry["at"]),
            code=entry["type"].removeprefix("incident."),
            person=entry["by"]["person"],
            facts=entry["facts"],
        )
        for entry in entries
        if entry["type"] not in _SILENT
    ]


def _paged(incident: Incident, pages: Iterable[Page]) -> list[Moment]:
    """Every page when it was owed, and each of its ways that failed. Its step counts as the thread does, by rounds."""
    chain = incident.escalation
    steps = 0 if chain is None else len(chain.steps)
    found: list[Moment] = []
    for page in pages:
        arrived = [way.destination for way in page.ways if way.state is WayState.ARRIVED]
        facts: dict[str, JsonValue] = {
            "recipient": page.recipient, "step": page.step, "state": page.state.value, "ways": [*arrived],
        }  # fmt: skip
        if chain is not None and steps and page.step:
            round_, place = divmod(page.step - 1, steps)
            facts |= {"step": place + 1, "of": steps, "round": round_ + 1, "rounds": chain.rounds}
        found.append(Moment(at=page.paged_at, code="paged", facts=facts))
        for way in page.ways:
            # a way that nobody set up is no news, unless it was the only one
            others = [each for each in page.ways if each.code != _UNSET]
            unset = way.code == _UNSET and (page.state is not PageState.FAILED or bool(others))
            if way.state is WayState.FAILED and not unset:
                told: dict[str, JsonValue] = {
                    "recipient": page.recipient, "way": way.destination, "code": way.code,
                }  # fmt: skip
                found.append(Moment(at=way.at or page.paged_at, code="way-failed", facts=told))
    return found


def _turned(environment: str, turns: Iterable[Turn]) -> list[Moment]:
    return [
        Moment(
            at=turn.since,
            code="turned",
            facts={"environment": environment, "colour": turn.colour.value, "causes": [*turn.causes]},
        )
        for turn in turns
    ]


def _rolled(
    tx: Transaction, incident: Incident, changed: Sequence[ChangeRequest], until: datetime
) -> list[Moment]:
    """What was rolled out or back there from shortly before it until it was over, and the suspect in any case."""
    recent = tx.requests.newest(limit=MOST_REQUESTS, environment=incident.environment)
    low = incident.opened_at - LOOKS_BACK
    found = {r.id: r for r in recent if r.closing is not None and low <= r.closing.at <= until}
    found |= {request.id: request for request in changed}
    if incident.suspect is not None and (suspect := tx.requests.get(incident.suspect)) is not None:
        found[suspect.id] = suspect
    return [_rollout(request) for request in found.values() if request.state in _ENDS]


def _rollout(request: ChangeRequest) -> Moment:
    closing = request.closing
    facts: dict[str, JsonValue] = {
        "request": request.id, "service": request.service, "artifact": request.artifact.tag,
        "outcome": None if closing is None else closing.code, "rolls_back": request.rolls_back,
    }  # fmt: skip
    at = request.requested_at if closing is None else closing.at
    return Moment(at=at, code=_ENDS[request.state], person=request.requester.person, facts=facts)


def _courses(
    tx: Transaction, policy: Policy, environment: str, begins: datetime, until: datetime
) -> tuple[Course, ...]:
    """Its own environment first, then every other that was not GREEN all the time."""
    names = [environment, *(name for name in policy.environments if name != environment)]
    found = []
    for name in names:
        turns = tuple(t for t in tx.environments.turns(name, since=begins) if t.since < until)
        if turns and (name == environment or any(t.colour is not Colour.GREEN for t in turns)):
            found.append(Course(environment=name, turns=turns))
    return tuple(found)


def _others(tx: Transaction, incident: Incident) -> tuple[str, ...]:
    if not incident.leads:
        return ()
    near = tx.incidents.newest(limit=MOST_REQUESTS, since=incident.opened_at)
    return tuple(each.id for each in reversed(near) if each.group == incident.id and each.id != incident.id)
