"""Who asks, and what the policy says of them: the checks that several flows share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from bot.domain.change_request import Actor, ChangeRequest
from bot.domain.refusal import Refusal
from bot.policy import Policy
from bot.ports import Place, Transaction

REASON_LIMIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """The Slack user behind a command, and how to reach them with an answer that only they see."""

    team: str
    user: str
    reply: Place = field(default_factory=dict)

    @property
    def via(self) -> str:
        return f"slack:{self.team}/{self.user}"

    def actor(self, policy: Policy) -> Actor:
        """The person of the directory. Raises Refusal `unknown-person`: a Slack account alone is nobody."""
        found = policy.person_by_slack(self.user)
        if found is None:
            raise Refusal("unknown-person", {"user": self.user})
        return Actor(via=self.via, person=found[0])


def known_request(tx: Transaction, request_id: str, *, lock: bool = True) -> ChangeRequest:
    """The request, locked. Raises Refusal `unknown-request`."""
    request = tx.requests.get(request_id, lock=lock)
    if request is None:
        raise Refusal("unknown-request", {"request": request_id[:40]})
    return request


def known(kind: str, name: str, names: Sequence[str]) -> str:
    """`name` where the policy has it, to the letter. Raises Refusal `unknown-KIND` with what was probably meant."""
    if name in names:
        return name
    name = seen(name)
    meant = get_close_matches(name, names, n=1)
    raise Refusal(
        f"unknown-{kind}",
        {
            "name": name[:80] or "nothing",
            "meant": meant[0] if meant else None,
            "known": [*sorted(names)[:10]],
        },
    )


def known_alone(kind: str, words: str, names: Sequence[str], usage: str) -> str:
    """The same of the one word that `usage` takes. Raises Refusal `too-many-words` for what follows a good one."""
    first, _, more = words.partition(" ")
    found = known(kind, seen(first), names)
    no_more(more, usage)
    return found


def seen(words: str) -> str:
    """Typed words without the marks that nobody sees, which come along when something is pasted."""
    return "".join(character for character in words if character.isprintable())


def no_more(words: str, usage: str) -> None:
    """Raises Refusal `too-many-words` where there are any."""
    if left := words.split():
        raise Refusal("too-many-words", {"name": left[0][:40], "usage": usage})


def plain_text(text: str | None) -> str:
    """The text without outer white space and without halves of characters, which no record can hold."""
    return (text or "").strip().encode("utf-8", "replace").decode()


def bounded_reason(reason: str | None, *, required: bool = False) -> str | None:
    """The reason without its outer white space. Raises Refusal `no-reason` or `reason-too-long`."""
    text = plain_text(reason)
    if not text:
        if required:
            raise Refusal("no-reason")
        return None
    if len(text) > REASON_LIMIT:
        raise Refusal("reason-too-long", {"length": len(text), "limit": REASON_LIMIT})
    return text


def user_lane(user: str) -> str:
    """The delivery lane of one Slack user."""
    return f"slack:user:{user}"


def channel_lane(channel: str) -> str:
    """The delivery lane of one Slack channel."""
    return f"slack:channel:{channel}"


def slack_user_of(policy: Policy, person: str | None) -> str | None:
    """The Slack user of a person of the directory."""
    found = policy.people.get(person or "")
    return None if found is None else found.slack
