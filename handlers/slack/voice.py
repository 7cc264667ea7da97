"""How one message speaks: the policy's names, the reader's time, and one escape for all text."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.domain.outcome import GateOutcome
from bot.policy import Policy
from handlers.slack.blocks import escape, mention, reader_time
from handlers.wording.gates import Line
from handlers.wording.gates import line as gate_line

MOST_MENTIONED = 6


@dataclass(frozen=True, slots=True)
class Voice:
    """Renders names, instants and gates for one message, as of `now`."""

    policy: Policy
    now: datetime

    @property
    def when(self) -> Callable[[datetime], str]:
        """An instant in the reader's zone; goes through `escape`."""
        return reader_time(self.policy.zone)

    @property
    def deciding(self) -> Callable[[datetime], str]:
        """The same with the policy's time beside it, where that is what decides."""
        return reader_time(self.policy.zone, beside=True)

    def name(self, person: str) -> str:
        """A person as text; goes through `escape`."""
        found = self.policy.people.get(person)
        return (found.name if found is not None else None) or person

    def who(self, person: str | None, unknown: str = "somebody") -> str:
        """A person as escaped mrkdwn that notifies nobody."""
        return escape(self.name(person)) if person else unknown

    def call(self, person: str) -> str:
        """A person as a mention where Slack knows them: only for somebody who can act."""
        found = self.policy.people.get(person)
        return mention(found.slack if found is not None else None) or self.who(person)

    def call_all(self, people: tuple[str, ...]) -> str:
        """Several people who can act."""
        shown = [self.call(person) for person in people[:MOST_MENTIONED]]
        rest = len(people) - len(shown)
        if rest > 0:
            return f"{', '.join(shown)} and {rest} more"
        return " or ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else "".join(shown)

    def gate(self, outcome: GateOutcome, earliest: datetime | None = None) -> Line:
        """A gate's line; its texts go through `escape`. `earliest` is when all gates pass together."""
        return gate_line(outcome, now=self.now, when=self.deciding, earliest=earliest)
