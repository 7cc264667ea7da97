"""Pages as records: who a target is at this moment, by which ways they are told, and what calls a page off."""

from dataclasses import dataclass, replace
from typing import Final

from bot.domain.audit import Fact
from bot.domain.authority import Word
from bot.domain.escalation import Target, TargetKind
from bot.domain.incident import Incident
from bot.domain.owed import Delivery
from bot.domain.page import Page, PageState, Way, WayState
from bot.flows.asking import channel_lane, user_lane
from bot.flows.on_duty import called, on_duty
from bot.flows.roles import word_on
from bot.flows.together import waiting
from bot.policy import Policy
from bot.ports import Transaction

BESIDES: Final = 0
"""The step of the pages that go out besides the chain (`incidents.pages`): their failure makes nothing go on."""


@dataclass(frozen=True, slots=True)
class Found:
    """Who a target is now. `silent` are the live sources of a role that were not asked."""

    people: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


def found(tx: Transaction, policy: Policy, target: Target) -> Found:
    """The people and places behind a target at this moment; nobody where nobody is on call or holds the role."""
    match target.kind:
        case TargetKind.ON_CALL:
            person = on_duty(tx, policy, target.name, tx.now)
            return Found(people=() if person is None else (person,))
        case TargetKind.ROLE:
            return _holders(tx, policy, target.name)
        case TargetKind.PERSON:
            return Found(people=(target.name,))
        case TargetKind.CHANNEL:
            return Found(places=(channel_lane(channel_named(policy, target.name)),))
        case TargetKind.PAGERDUTY | TargetKind.WEBHOOK:
            return Found(places=(f"{target.kind.value}:{target.name}",))


def _holders(tx: Transaction, policy: Policy, role: str) -> Found:
    """Everybody who holds the role by the policy's own words: nobody outside is asked before somebody is paged."""
    people, silent = [], dict[str, None]()
    roster = called(tx, policy)
    for person in policy.people:
        word, sources = word_on(roster, role, person, tx.now)
        if word is Word.YES:
            people.append(person)
        silent |= dict.fromkeys(sources)
    return Found(people=tuple(people), silent=tuple(silent))


def channel_named(policy: Policy, name: str) -> str:
    """One of the policy's own channels by what it is for, or a channel by its name or id."""
    channels = policy.slack.channels
    named = {
        "approvals": channels.approvals,
        "incidents": channels.incidents,
        "announcements": channels.announcements,
    }
    return named.get(name, name)


def owe_page(
    tx: Transaction, policy: Policy, incident: Incident, step: int, target: Target
) -> tuple[Page, ...]:
    """Page whoever the target is now, each once a step, by every way they have. Nobody: no page.

    A person whom no way leads to has a page that failed already, so that it is seen and the chain goes on.
    """
    behind = found(tx, policy, target)
    owed = [_owe(tx, incident, step, person, _ways(policy, person)) for person in behind.people]
    return (*owed, *(_owe(tx, incident, step, place, (place,)) for place in behind.places))


def owe_besides(tx: Transaction, policy: Policy, incident: Incident) -> None:
    """Page what hears of every incident (`incidents.pages`). The settings know whether a name is a PagerDuty
    integration or a webhook, the policy does not: it is tried as both, and one of them arrives."""
    for name in policy.incidents.pages:
        _owe(tx, incident, BESIDES, name, (f"pagerduty:{name}", f"webhook:{name}"))


def _ways(policy: Policy, person: str) -> tuple[str, ...]:
    """Every way to a person. Whether mail is configured the policy does not know: where it is not, that way fails."""
    known = policy.people.get(person)
    if known is None:
        return ()
    slack = () if known.slack is None else (user_lane(known.slack),)
    return slack if known.email is None else (*slack, f"email:{person}")


def _owe(tx: Transaction, incident: Incident, step: int, recipient: str, ways: tuple[str, ...]) -> Page:
    page = Page(
        incident=incident.id,
        step=step,
        recipient=recipient,
        ways=tuple(Way(destination=way) for way in ways),
        paged_at=tx.now,
        state=PageState.OWED if ways else PageState.FAILED,
    )
    there = tx.pages.get(page.id)
    if there is not None:  # two targets of one step lead to the same person: once is enough
        return there
    tx.pages.put(page, Fact(type="page.owed" if ways else "page.failed", facts={"ways": [*ways]}))
    for way in ways:
        tx.owe(
            Delivery(
                key=f"page:{page.id}:{way}", kind="page", destination=way, subject=page.id, due_at=tx.now
            )
        )
    return page


def call_off(tx: Transaction, incident: Incident) -> None:
    """Nobody is to be told any more: what is still owed is cancelled, and is not sent when its turn comes."""
    for page in tx.pages.of(incident.id):
        if all(way.state is not WayState.OWED for way in page.ways):
            continue
        off = page
        for way in page.ways:
            if way.state is WayState.OWED:
                off = off.told(replace(way, state=WayState.CANCELLED, at=tx.now))
        tx.pages.put(off, Fact(type="page.cancelled"))


def still_owed(tx: Transaction, page_id: str) -> bool:
    """Whether a page is to be sent: asked by whoever sends it, just before. Nobody is paged for what somebody has,
    what is over, or what is muted."""
    page = tx.pages.get(page_id)
    if page is None or all(way.state is not WayState.OWED for way in page.ways):
        return False
    incident = tx.incidents.get(page.incident)
    return incident is not None and bool(waiting(tx, incident))
