"""Who somebody is here: their linked accounts, the roles that they hold now and why, and their second factors (P7, P8)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bot.domain.authority import NOT_ASKED, Answers, Word
from bot.domain.identity import Identity, Provider, slack_subject
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential
from bot.flows.administrators import administrators
from bot.flows.asking import Asker
from bot.flows.authority import Authority, not_connected
from bot.flows.held_factors import PROTECTED
from bot.flows.link import Contradiction, contradictions
from bot.flows.locks import WITHIN, locked
from bot.flows.on_duty import rostered
from bot.flows.roles import Basis, bases_of, live_sources_of, word_on
from bot.policy import Policy
from bot.ports import Ledger, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleStanding:
    """One role of the policy, and whether somebody holds it. `bases`: everything that it rests on, with its answer."""

    name: str
    word: Word
    bases: tuple[Basis, ...]
    only_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Whoami:
    """One Slack account, and what is known of the person behind it. `person` is None where it stands for nobody: then
    `able` are those who look after second factors, and may know who keeps the policy."""

    user: str
    person: str | None
    now: datetime
    links: tuple[Identity, ...] = ()
    written: tuple[tuple[Provider, str], ...] = ()  # what the directory names, where nothing is linked
    of_another: str | None = None  # whose account this is by its link, where the directory says otherwise
    disputed: tuple[Contradiction, ...] = ()  # where the directory names another account than the linked one
    roles: tuple[RoleStanding, ...] = ()
    factors: tuple[Credential, ...] = ()
    cool_off_matters: bool = False  # there is an environment of kind production
    locked_for: timedelta | None = None  # what takes a second factor is locked for so long at most
    able: tuple[str, ...] = ()


async def whoami(ledger: Ledger, policy: Policy, authority: Authority | None, asker: Asker) -> Whoami:
    """Ask every live source about the asker, and tell all of it. Works for strangers too; never raises Refusal."""
    found = policy.person_by_slack(asker.user)
    person = None if found is None else found[0]
    answers = await _answers(ledger, policy, authority, person)
    return await ledger.read(partial(_told, policy=policy, asker=asker, person=person, answers=answers))


async def _answers(
    ledger: Ledger, policy: Policy, authority: Authority | None, person: str | None
) -> Answers:
    if person is None:
        return NOT_ASKED
    if authority is not None:
        return await authority.about(policy, person)
    now = await ledger.read(lambda tx: tx.now)
    return not_connected(live_sources_of(policy, policy.roles), now)


def _told(tx: Transaction, *, policy: Policy, asker: Asker, person: str | None, answers: Answers) -> Whoami:
    link = tx.identities.find(Provider.SLACK, slack_subject(asker.team, asker.user))
    if person is None:
        able = administrators(policy, tx.now)
        return Whoami(user=asker.user, person=None, now=tx.now, able=able)
    links = tuple(tx.identities.of(person))
    linked = {each.provider for each in links}
    entry = policy.people[person]
    written = (
        (Provider.SLACK, entry.slack), (Provider.GITHUB, entry.github), (Provider.OIDC, entry.oidc),
    )  # fmt: skip
    return Whoami(
        user=asker.user,
        person=person,
        now=tx.now,
        links=links,
        written=tuple((where, name) for where, name in written if name and where not in linked),
        disputed=contradictions(tx, policy, person),
        of_another=link.person if link is not None and link.person != person else None,
        roles=tuple(_standing(rostered(tx, policy), name, person, tx.now, answers) for name in policy.roles),
        factors=tuple(tx.credentials.of(person)),
        cool_off_matters=any(each.kind == PROTECTED for each in policy.environments.values()),
        locked_for=WITHIN if _is_locked(tx, person) else None,
    )


def _standing(policy: Policy, name: str, person: str, now: datetime, answers: Answers) -> RoleStanding:
    role = policy.roles[name]
    word, _ = word_on(policy, name, person, now, answers)
    bases = bases_of(policy, role, person, now, answers)
    return RoleStanding(name=name, word=word, bases=bases, only_for=role.only_for or ())


def _is_locked(tx: Transaction, person: str) -> bool:
    try:
        locked(tx, person, None)
    except Refusal:
        return True
    return False
