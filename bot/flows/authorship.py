"""Who wrote a change and who dispatched its pipeline: neither approves it, by whichever account it was done (P7, P9)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from bot.domain.change_request import ChangeRequest
from bot.domain.evidence import Evidence, EvidenceKind, newest
from bot.domain.identity import Identity
from bot.domain.refusal import Refusal
from bot.domain.repository import Author
from bot.domain.snapshot import Snapshot
from bot.flows.accounts import Marks, marks_in, marks_of, marks_of_author
from bot.flows.seats import seat_plan
from bot.flows.state_rules import as_asked
from bot.policy import Policy

AUTHORS: Final = "commit-authors"
DISPATCHER: Final = "dispatcher"
MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known besides CI's evidence: the person's linked accounts, and what the repository told of the commits.

    `authors` is None where nobody asked the repository; `problem` is the code of why it did not tell. `asked` is
    False before the repository was asked: then what it may still tell is given the benefit of the doubt.
    """

    links: Sequence[Identity] = ()
    authors: tuple[Author, ...] | None = None
    problem: str | None = None
    asked: bool = True

    @classmethod
    def by(cls, snapshot: Snapshot, links: Sequence[Identity]) -> "Known":
        """What a snapshot knows."""
        return cls(links=links, authors=snapshot.authors, problem=snapshot.authors_problem)


CI_ALONE: Final = Known(asked=False)


def excludes(policy: Policy, request: ChangeRequest, word: str) -> bool:
    """Whether the policy keeps them out of the seats of this request."""
    return (
        word in as_asked(policy, request).environments[request.environment].approval.exclude
        and not seat_plan(policy, request).own
    )


def not_an_author(
    policy: Policy,
    request: ChangeRequest,
    person: str,
    evidence: Iterable[Evidence],
    known: Known = CI_ALONE,
) -> None:
    """Neither an author of the change nor whoever dispatched its pipeline, where the policy excludes them.

    Raises Refusal `authors-unknown`, `commit-author`, `dispatched-it` or `dispatcher-unknown`.
    """
    build = _build(request, evidence)
    me = marks_of(person, policy.people.get(person), known.links)
    if excludes(policy, request, AUTHORS):
        _wrote_none(policy, request, me, build, known)
    if excludes(policy, request, DISPATCHER):
        _dispatched_none(request, me, build)


def wrote_none_of_it(
    policy: Policy,
    request: ChangeRequest,
    person: str,
    evidence: Iterable[Evidence],
    known: Known = CI_ALONE,
) -> None:
    """Raises Refusal `authors-unknown` or `commit-author`."""
    me = marks_of(person, policy.people.get(person), known.links)
    _wrote_none(policy, request, me, _build(request, evidence), known)


def _build(request: ChangeRequest, evidence: Iterable[Evidence]) -> Evidence | None:
    return newest((e for e in evidence if e.artifact == request.artifact.tag), EvidenceKind.BUILD)


def _wrote_none(
    policy: Policy, request: ChangeRequest, me: Marks, build: Evidence | None, known: Known
) -> None:
    """By the repository and by CI: any of both that names somebody makes them an author. Where neither tells, or one
    of them cannot be read, nobody can be cleared."""
    stated = None if build is None else build.details.get("authors")
    named = _named(stated)
    facts: dict[str, JsonValue]
    told = None if known.authors is None else [marks_of_author(author) for author in known.authors]
    if any(me.fits(author) for author in (*(named or ()), *(told or ()))):
        raise Refusal("commit-author", {"request": request.id})
    unplaced = _unplaced(policy, request, known.authors or ())
    if unplaced:
        facts = {
            "request": request.id,
            "unplaced": [*unplaced[:MOST_NAMED]],
            "more": len(unplaced) - MOST_NAMED,
        }
        raise Refusal("authors-unknown", facts)
    unreadable = (stated and named is None) or any(author.none for author in told or ())
    silent = known.problem is not None or unreadable
    if not silent and (named or told is not None):
        return
    repository = policy.services[request.service].repository
    if not silent and not known.asked and repository is not None:
        return  # it is asked when the signature is counted
    facts = {"request": request.id, "repository": repository, "why": known.problem}
    raise Refusal("authors-unknown", facts)


def _unplaced(policy: Policy, request: ChangeRequest, authors: Iterable[Author]) -> list[str]:
    """The addresses of authors who may be anybody: no account, and nobody's in the directory."""
    if policy.environments[request.environment].approval.unplaced_authors == "allow":
        return []
    people = [marks_of(person, entry, ()) for person, entry in policy.people.items()]
    return [
        author.email or "?"
        for author in authors
        if not author.placed and not any(marks_of_author(author).fits(person) for person in people)
    ]


def _named(stated: JsonValue) -> list[Marks] | None:
    """The authors that CI named; None where it named none, or one of them is no name: who is it?"""
    if (
        not isinstance(stated, list)
        or not stated
        or not all(isinstance(a, str) and a.strip() for a in stated)
    ):
        return None
    return [marks_in(str(author)) for author in stated]


def _dispatched_none(request: ChangeRequest, me: Marks, build: Evidence | None) -> None:
    """Not every pipeline is dispatched by somebody: where CI names nobody, nobody is excluded."""
    said = None if build is None else build.details.get("dispatched_by")
    if said is None or said in ("", []):
        return
    several = said if isinstance(said, list) else [said]
    names = [str(one) for one in several if isinstance(one, str | int) and not isinstance(one, bool)]
    if len(names) != len(several):
        raise Refusal("dispatcher-unknown", {"request": request.id})
    if any(me.fits(marks_in(name)) for name in names):
        raise Refusal("dispatched-it", {"request": request.id})
