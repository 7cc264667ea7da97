"""Which accounts are whose: the linked ones first, the policy's directory where a person has linked none there (P8)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bot.domain.identity import Identity, Provider
from bot.domain.repository import Author, no_reply
from bot.policy import Person, Policy
from bot.ports import Transaction

CHANGED_HANDS: Final = "login-changed-hands"
"""The directory names an account that is another one by now, or another person's: who is meant is not sure."""
_ADDRESS: Final = re.compile(r"<\s*([^<>\s]+@[^<>\s]+)\s*>")


@dataclass(frozen=True, slots=True)
class Marks:
    """What somebody is known by, to be compared: names (keys, logins, addresses; case does not count) and numeric
    ids of accounts. Two with any mark in common are the same person, where that denies."""

    names: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    def fits(self, other: "Marks") -> bool:
        """Whether they have anything in common."""
        return not (self.names.isdisjoint(other.names) and self.ids.isdisjoint(other.ids))

    @property
    def none(self) -> bool:
        """Nothing is known, so nobody can be told apart from it."""
        return not (self.names or self.ids)


def marks_of(person: str, entry: Person | None, links: Iterable[Identity]) -> Marks:
    """What a person of the directory is known by. The label of a link is shown and never compared."""
    written = () if entry is None else (entry.github, entry.email)
    ids = {link.subject for link in links if link.provider is Provider.GITHUB}
    found = _marks((person, *(word for word in written if word)))
    return Marks(found.names, found.ids | ids)


def marks_of_author(author: Author) -> Marks:
    """What a commit tells of who wrote it."""
    found = _marks(word for word in (author.login, author.email) if word)
    return Marks(found.names, found.ids | ({author.account} if author.account else set()))


def marks_in(text: str) -> Marks:
    """What CI wrote: a login, an address, a numeric id, a key of the directory, or `Name <address>`."""
    word = text.strip().removeprefix("@")
    inside = _ADDRESS.search(word)
    found = _marks((word, inside[1]) if inside else (word,))
    return Marks(found.names, found.ids | ({word} if word.isascii() and word.isdigit() else set()))


def _marks(words: Iterable[str]) -> Marks:
    names = {word.strip().casefold() for word in words}
    ids = set()
    for name in tuple(names):
        private = no_reply(name)
        if private is not None:
            names.add(private[1])
            ids |= {private[0]} - {None}
    return Marks(frozenset(names - {""}), frozenset(i for i in ids if i))


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The people of the policy with the accounts that they linked, as of one transaction."""

    people: Mapping[str, Person]
    links: Mapping[str, tuple[Identity, ...]] = field(default_factory=dict)
    owners: Mapping[tuple[Provider, str], str] = field(default_factory=dict)

    def linked(self, person: str, provider: Provider) -> frozenset[str]:
        """The subjects of the accounts that this person linked there."""
        return frozenset(link.subject for link in self.links.get(person, ()) if link.provider is provider)

    def owner(self, provider: Provider, subject: str) -> str | None:
        """Who linked this account."""
        return self.owners.get((provider, subject))

    def marks(self, person: str) -> Marks:
        """What a person is known by."""
        return marks_of(person, self.people.get(person), self.links.get(person, ()))


def directory_of(tx: Transaction, policy: Policy) -> Directory:
    """The directory with all links in force."""
    links: dict[str, tuple[Identity, ...]] = {}
    for link in tx.identities.all():
        links[link.person] = (*links.get(link.person, ()), link)
    owners = {(link.provider, link.subject): person for person, mine in links.items() for link in mine}
    return Directory(people=policy.people, links=links, owners=owners)


def by_slack(directory: Directory, users: frozenset[str]) -> tuple[frozenset[str], dict[str, str]]:
    """Who of the directory is among these member ids, and about whom that is not sure, with a code.

    The accounts that a person linked decide; where the directory names another one besides, somebody edited it.
    """
    members: set[str] = set()
    silent: dict[str, str] = {}
    taken = {
        _user(subject): person for (at, subject), person in directory.owners.items() if at is Provider.SLACK
    }
    for person, entry in directory.people.items():
        linked = {_user(subject) for subject in directory.linked(person, Provider.SLACK)}
        mine = linked or ({entry.slack} if entry.slack else set())
        if mine.isdisjoint(users):
            continue
        edited = bool(linked) and entry.slack is not None and entry.slack not in linked
        if edited or any(taken.get(user, person) != person for user in mine):
            silent[person] = CHANGED_HANDS
        else:
            members.add(person)
    return frozenset(members), silent


def _user(subject: str) -> str:
    """The member id of `TEAM/USER`. Only one workspace is served, so its team says nothing more."""
    return subject.rpartition("/")[2]
