"""What a refused word about an incident says."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import plural
from handlers.wording.said import Said

INCIDENTS: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "unknown-incident": lambda s: (
            f"There is no incident {s.facts.text('incident')}. /env history lists them."
        ),
        "incident-over": lambda s: (
            f"{s.facts.text('incident')} is over: {s.who('by', 'the environment turned GREEN')} closed it."
        ),
        "acknowledged-already": lambda s: (
            f"{s.who('by', 'Somebody')} has {s.facts.text('incident')} already. Talk to them in its thread."
        ),
        "not-told-there": lambda s: (
            f"{s.facts.text('incident')} was never told to {s.facts.text('where')}, so it is not answered there. "
            "Answer it in Slack, on its card."
        ),
        "not-answered-there": lambda s: (
            f"Nobody has {s.facts.text('incident')} by an answer in {s.facts.text('where')}, so there is none to take "
            "back. Whoever has it says so in its thread."
        ),
        "nobody-left": lambda s: (
            f"Everybody whom the policy names was told of {s.facts.text('incident')} "
            f"({plural(s.facts.number('rounds') or 0, 'round')}). Call somebody, or take it yourself: Acknowledge."
        ),
        "not-suspected": lambda s: (
            f"{s.facts.text('request', 'Nothing')} did not go live shortly before {s.facts.text('incident')}, so "
            "there is nothing to say of it. Its card names what did."
        ),
        "no-title": lambda s: (
            "Say what is wrong, in a few words that everybody understands, like "
            f"“/env incident {s.facts.text('environment')} Checkout refuses cards”."
        ),
        "title-too-long": lambda s: (
            f"That is {s.facts.text('length')} characters, and the title of an incident has at most "
            f"{s.facts.text('limit')}. The rest belongs in its thread."
        ),
        "declared-already": lambda s: (
            f"{s.who('by', 'Somebody')} declared {s.facts.text('incident')} there already, and it is open. "
            "Join its thread, or resolve it first."
        ),
    }
)
