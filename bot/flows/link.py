"""One person's accounts, linked for good: Slack and the login at enrolment, GitHub by its numeric id (P8).

An account that was linked to one person is never another's. What the directory says later and a link contradicts is
refused where it would matter, until administrators reset the person.
"""

from dataclasses import dataclass, replace
from typing import Final

from bot.domain.audit import Fact
from bot.domain.change_request import SYSTEM, Actor
from bot.domain.identity import Identity, Provider, slack_subject
from bot.domain.owed import Timer
from bot.domain.refusal import Refusal
from bot.domain.repository import RepositoryError
from bot.flows import owing
from bot.flows.asking import Asker
from bot.flows.factor_notes import NOTE
from bot.policy import Person, Policy
from bot.ports import Ledger, Repositories, Transaction

LINK: Final = "link"
"""The kind of timer that links what has to be asked for outside; its subject is the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """The directory names one account, and another one is linked. `said` and `linked` are to be shown."""

    provider: Provider
    said: str
    linked: str


def person_of_slack(tx: Transaction, policy: Policy, team: str, user: str) -> str | None:
    """The person that this Slack account stands for. One that is, or was, linked to somebody else than the directory
    says is nobody; so is a second account of a person who linked another one."""
    named = policy.person_by_slack(user)
    if named is None:
        return None
    person = named[0]
    found = tx.identities.find(Provider.SLACK, slack_subject(team, user))
    if found is not None and found.person != person:
        return None
    own = linked(tx, person, Provider.SLACK)
    return person if own is None or own.subject == slack_subject(team, user) else None


def known_person(tx: Transaction, policy: Policy, asker: Asker) -> Actor:
    """Whoever asks, as a person. Raises Refusal `unknown-person` or `link-contradicts`."""
    actor = asker.actor(policy)
    if person_of_slack(tx, policy, asker.team, asker.user) is None:
        raise Refusal("link-contradicts", {"person": actor.person, "provider": Provider.SLACK.value})
    return actor


def linked(tx: Transaction, person: str, provider: Provider) -> Identity | None:
    """The account in force of a person at one provider; there is at most one."""
    return next((i for i in tx.identities.of(person) if i.provider is provider), None)


def login_fits(known: Person, subject: str) -> bool:
    """Whether the directory names this login (`ISSUER SUBJECT`, `ISSUER TENANT/OBJECT`) as the person's own."""
    return known.oidc is not None and subject.partition(" ")[2] == known.oidc


def link(
    tx: Transaction, *, provider: Provider, subject: str, label: str, person: str, by: Actor
) -> Identity:
    """Link an account to `person`; to link it once more changes nothing.

    Raises Refusal `linked-elsewhere` where it is, or was, somebody else's, and `link-contradicts` where the person has
    another one at this provider.
    """
    found = tx.identities.find(provider, subject)
    if found is not None and found.person != person:
        raise Refusal("linked-elsewhere", {"provider": provider.value})
    own = linked(tx, person, provider)
    if own is not None and own.subject != subject:
        raise Refusal("link-contradicts", {"person": person, "provider": provider.value})
    if own is not None:
        return own
    made = Identity(
        provider=provider,
        subject=subject,
        person=person,
        label=label,
        linked_at=tx.now,
        linked_by=by.via,
    )
    tx.identities.put(made, Fact(type="identity.linked", by=by))
    return made


def link_soon(tx: Transaction, policy: Policy, person: str) -> None:
    """Have the accounts linked that somebody outside has to be asked about."""
    known = policy.people.get(person)
    if known is not None and known.github is not None:
        tx.schedule(Timer(kind=LINK, subject=person, due_at=tx.now))


def contradictions(tx: Transaction, policy: Policy, person: str) -> tuple[Contradiction, ...]:
    """Where the directory says something else of `person` than what was linked. A GitHub login that was only renamed
    contradicts until GitHub was asked whose it is (`link_github`)."""
    known = policy.people.get(person)
    if known is None:
        return ()
    return tuple(
        Contradiction(provider=own.provider, said=said, linked=own.label)
        for own in tx.identities.of(person)
        for said in (_said(known, own.provider),)
        if said is not None and not _agrees(known, own)
    )


def undisputed(
    tx: Transaction, policy: Policy, person: str, *, but: frozenset[Provider] = frozenset()
) -> None:
    """Raises Refusal `link-contradicts`, which names the account, where directory and links disagree; `but`: what is
    about to be asked about."""
    for found in contradictions(tx, policy, person):
        if found.provider in but:
            continue
        facts = {"provider": found.provider.value, "said": found.said, "linked": found.linked}
        raise Refusal("link-contradicts", {"person": person, **facts})


def _said(known: Person, provider: Provider) -> str | None:
    return {Provider.SLACK: known.slack, Provider.GITHUB: known.github, Provider.OIDC: known.oidc}[provider]


def _agrees(known: Person, own: Identity) -> bool:
    if own.provider is Provider.SLACK:
        return own.subject.partition("/")[2] == known.slack
    if own.provider is Provider.OIDC:
        return login_fits(known, own.subject)
    return own.label.casefold() == (known.github or "").casefold()


def look_again(tx: Transaction, policy: Policy) -> None:
    """Another policy is in force: a GitHub login that it writes differently may only have been renamed."""
    for own in tx.identities.all():
        known = policy.people.get(own.person)
        if own.provider is Provider.GITHUB and known is not None and known.github and not _agrees(known, own):
            link_soon(tx, policy, own.person)


async def link_github(
    ledger: Ledger, policy: Policy, repositories: Repositories | None, person: str
) -> str | None:
    """Link the account that the directory's GitHub login has now, by its numeric id; a login that was renamed is
    noted. Gives a code where that was not possible: nothing is undone by it, and the next occasion tries again."""
    known = policy.people.get(person)
    if known is None or known.github is None:
        return None
    if repositories is None:
        return "not-configured"
    try:
        number = await repositories.account(known.github)
    except RepositoryError as error:
        code = error.code
        return await ledger.write(lambda tx: _not_linked(tx, policy, person, code))
    return await ledger.write(lambda tx: _settle_github(tx, policy, person, number, known.github or ""))


def _settle_github(tx: Transaction, policy: Policy, person: str, number: str, login: str) -> str | None:
    own = linked(tx, person, Provider.GITHUB)
    if own is not None and own.subject == number:
        if own.label != login:
            tx.identities.put(replace(own, label=login), Fact(type="identity.renamed"))
        return None
    try:
        link(tx, provider=Provider.GITHUB, subject=number, label=login, person=person, by=SYSTEM)
    except Refusal as refusal:
        return _not_linked(tx, policy, person, refusal.code)
    return None


def _not_linked(tx: Transaction, policy: Policy, person: str, code: str) -> str:
    """Said to the person, for whom nothing else changes by it."""
    fact = Fact(type="identity.not-linked", facts={"provider": Provider.GITHUB.value, "code": code})
    tx.trail.record(fact, subject=f"person/{person}")
    told = {"code": "github-not-linked", "why": code, "login": policy.people[person].github}
    owing.tell_person(tx, policy, person, NOTE, person, told)
    return code
