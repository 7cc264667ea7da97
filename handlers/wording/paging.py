"""What a page says outside Slack, in plain text: what is wrong where, since when, who is on call, what went live before,
how to answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from bot.domain.change_request import ChangeRequest, Kind, RequestState
from bot.domain.environment import Colour
from bot.domain.incident import Cause, IncidentState
from bot.flows.inquire import IncidentView, RequestView
from bot.policy import Policy
from handlers.wording.board import audience_of, incident_about
from handlers.wording.colours import causes
from handlers.wording.facts import listed, one_line, plural
from handlers.wording.incidents import ENDED
from handlers.wording.times import When, in_zone, span

MOST_NAMED: Final = 12
"""So many environments are named; the others are counted."""
LONGEST: Final = 300
"""Characters of one thing that is said."""

_WRONG: Final[Mapping[Cause, str]] = MappingProxyType(
    {
        Cause.DEPLOYMENT: "a deployment went wrong",
        Cause.BLINDNESS: "monitoring is blind",
    }
)


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one incident, as of the view's instant, in the policy's zone."""

    view: IncidentView
    policy: Policy
    hears_back: bool = False
    """Whether an answer in PagerDuty reaches us."""
    holder: str | None = None
    """Who has the last one that was taken of those that were told together."""
    again: bool = False
    """Whoever reads it was paged, and heard that it is over."""

    def name(self, person: str | None) -> str:
        """A person as the policy calls them."""
        return _called(self.policy, person)

    def when(self, at: datetime) -> str:
        """An instant in the policy's zone, which is named."""
        return in_zone(self.policy.zone)(at)

    @property
    def subject(self) -> str:
        """The same for every message of the incident, so that they stay one conversation, as long as the same is RED."""
        incident = self.view.paged
        about = incident_about(incident, audience_of(self.policy, public=False))
        what = incident.title or _WRONG.get(incident.cause, about)
        return f"{incident.id} · {incident.environment} · {incident.severity}: {one_line(what, 120)}"

    @property
    def headline(self) -> str:
        """What is wrong where, in one line."""
        incident = self.view.incident
        others = [each for each in self.view.waiting if each.id != incident.id]
        more = f", and so are {plural(len(others), 'other environment')}" if len(others) > 1 else ""
        more = f", and so is {others[0].environment}" if len(others) == 1 else more
        first = "not over after all: " if self.again else ""
        return f"{first}{self._wrong()}{more} ({incident.severity}, {incident.id})"

    def _wrong(self) -> str:
        incident, status = self.view.incident, self.view.status
        match incident.cause:
            case Cause.DECLARED:
                return f"{incident.environment}: {one_line(incident.title or 'an incident', LONGEST)}"
            case Cause.DEPLOYMENT:
                what = f": {incident.suspect}" if incident.suspect else ""
                return f"{incident.environment}: a deployment went wrong{what}"
            case Cause.BLINDNESS:
                return f"Monitoring is blind, so nobody sees how {incident.environment} is, or anything else"
            case Cause.MONITORS:
                colour = Colour.RED if status is None or status.colour is Colour.GREEN else status.colour
                seen = one_line(self.seen, LONGEST)
                return f"{incident.environment} is {colour.value}" + (f": {seen}" if seen else "")

    @property
    def seen(self) -> str:
        """What the monitors say; empty where they say nothing."""
        status = self.view.status
        now = "" if status is None else causes(status.causes)
        return now or listed(list(self.view.incident.causes))

    @property
    def since(self) -> str:
        """Since when."""
        incident = self.view.incident
        return f"Since {self.when(incident.opened_at)}, {span(self.view.now - incident.opened_at)} ago."

    @property
    def people(self) -> str:
        """Who has it or, while nobody has, who is on call and by when an answer is due."""
        incident = self.view.incident
        match incident.state:
            case IncidentState.RESOLVED:
                return self.over
            case IncidentState.ACKNOWLEDGED:
                return f"{self.name(incident.acknowledged_by)} has it."
            case IncidentState.OPEN:
                due = _due(self.view, self.when)
                people = [each for each in self.view.asked if ":" not in each]
                named = listed([self.name(each) for each in people if each != incident.on_call], MOST_NAMED)
                if people and incident.on_call not in people:
                    return f"Asked now: {named}; {due}."
                if incident.on_call is None:
                    return f"Nobody is on call by the policy; {due}."
                also = f", and asked as well: {named}" if named else ""
                return f"On call: {self.name(incident.on_call)}{also}; {due}."

    @property
    def over(self) -> str:
        """How it ended, and how long it lasted."""
        incident = self.view.incident
        lasted = span((incident.resolved_at or self.view.now) - incident.opened_at)
        if incident.resolved_by is None:
            again = "Monitoring sees" if incident.cause is Cause.BLINDNESS else "It turned GREEN"
            return f"{again} again after {lasted}."
        return f"{self.name(incident.resolved_by)} resolved it after {lasted}."

    @property
    def others(self) -> str | None:
        """Which other environments this page tells of as well."""
        incident = self.view.incident
        found = [f"{e.environment} ({e.id})" for e in self.view.waiting if e.id != incident.id]
        return f"With it: {listed(found, MOST_NAMED)}." if found else None

    @property
    def before(self) -> str:
        """What went live there in the hour before: a fact, and no claim that it was this."""
        changed = self._changed()
        if not changed:
            return "Nothing changed there through Portcullis in the hour before."
        told = "; ".join(self._change(request) for request in changed)
        return (
            f"Went live there shortly before: {told}."
            if all(map(_live, changed))
            else f"Changed there: {told}."
        )

    @property
    def elsewhere(self) -> str | None:
        """Where else the suspect's version runs, and how it does there."""
        if self.view.suspect is None or not self.view.alike:
            return None
        found = [f"{each.environment} {each.colour.value}" for each in self.view.alike]
        return f"The same version elsewhere: {listed(found, MOST_NAMED)}."

    @property
    def answer(self) -> str:
        """How to answer."""
        channel = "#" + self.policy.slack.channels.incidents.lstrip("#")
        there = " Or acknowledge it in PagerDuty: that counts as well." if self.hears_back else ""
        also = "" if len(self.view.waiting) < 2 else f", which takes all {len(self.view.waiting)}"  # noqa: PLR2004
        paged = self.view.paged
        if self.view.waiting and all(each.id != paged.id for each in self.view.waiting):
            # What leads them is over or muted: its message has no button any more.
            return f"To answer, press Acknowledge on each of them in {channel} in Slack.{there}"
        return f"To answer, press Acknowledge on {paged.id} in {channel} in Slack{also}.{there}"

    @property
    def lines(self) -> Sequence[str]:
        """All of it, line by line."""
        found = [self.headline, self.since, self.people, self.others, self.before, self.elsewhere]
        if self.view.incident.is_open:
            found.append(self.answer)
        return [line for line in found if line]

    def _changed(self) -> list[ChangeRequest]:
        changed, suspect = list(self.view.changed), self.view.suspect
        if suspect is not None and all(request.id != suspect.id for request in changed):
            changed.insert(0, suspect)
        return changed

    def _change(self, request: ChangeRequest) -> str:
        what = (
            f"{request.id}, {request.service} {request.artifact.tag} by {self.name(request.requester.person)}"
        )
        if not _live(request) or request.closing is None:
            return f"{what}, {ENDED.get(request.state, request.state.value).rstrip(',')}"
        return f"{what}, {span(self.view.incident.opened_at - request.closing.at)} before"


def _called(policy: Policy, person: str | None) -> str:
    """A person as the policy calls them, on one line: a name can begin no line of a message."""
    found = policy.people.get(person or "")
    return one_line((found.name if found is not None else None) or person or "somebody", LONGEST)


def _live(request: ChangeRequest) -> bool:
    return request.state is RequestState.LIVE


def _due(view: IncidentView, when: When) -> str:
    by, late = view.answer_by, view.late_since
    overdue = "" if late is None else f"an answer is overdue since {when(late)}"
    if by is None:
        return "answer as soon as you can"
    if by > view.now:
        return f"answer by {when(by)}" + (f" ({overdue})" if overdue else "")
    return overdue or f"an answer is overdue since {when(by)}"


def news(words: Words, code: str) -> str:
    """What became of an incident, in one line: the headline of what is told of it afterwards."""
    incident = words.view.incident
    where = f"{incident.environment} ({incident.severity}, {incident.id})"
    if code == "acknowledged" and incident.state is not IncidentState.ACKNOWLEDGED:
        return (
            f"{where}: over itself; {words.name(words.holder)} has the last of those that were told with it."
        )
    if code == "acknowledged":
        took = span((incident.acknowledged_at or words.view.now) - incident.opened_at)
        return f"{where}: {words.name(incident.acknowledged_by)} has it, after {took}."
    if code == "muted":
        return f"{where}: nobody is paged for this while {incident.muted_by or 'production'} is in trouble, which comes first."
    return f"{where}: over. {words.over}"


def unheard(words: Words, deed: str, person: str, others: int) -> list[str]:
    """To whoever was to be paged and was not: somebody whom no page had asked answered before."""
    incident = words.view.incident
    who = words.name(person)
    also = f", with {plural(others, 'other')} of the same minute" if others else ""
    if deed == "acknowledged":
        first = f"{words.headline}: {who} has it{also}, and you were not paged for it."
        ask = f"If that cannot be right, press Escalate on {incident.id}: somebody is paged after all."
    else:
        first = f"{words.headline}: {who} says that it is over, and you were not paged for it."
        ask = f"If that cannot be right, declare it: /env incident {incident.environment} and what you see."
    return [first, ask]


def went_live(view: RequestView, policy: Policy) -> str:
    """What went live where, and by whom."""
    request = view.request
    who = _called(policy, request.requester.person)
    how = ", a rollback" if request.kind is Kind.ROLLBACK else ""
    return f"{request.service} {request.artifact.tag} went live in {request.environment}{how}: {request.id} by {who}"


def bare(incident_id: str, severity: str, environment: str, since: timedelta) -> str:
    """The least that a page has to say, where all the rest could not be worded."""
    return f"{environment}: an incident for {span(since)} ({severity}, {incident_id})"
