"""Accounts, organizations and their teams: ids are for good, logins are given to somebody else once they are free."""

from dataclasses import dataclass, field
from itertools import count

from sandbox.github.shapes import Json, not_found

NO_REPLY = "users.noreply.github.com"
WEB_FLOW_EMAIL = "noreply@github.com"


@dataclass(slots=True, kw_only=True)
class Account:
    """A user, a bot or an organization."""

    id: int
    login: str
    kind: str = "User"
    emails: list[str] = field(default_factory=list)

    @property
    def no_reply(self) -> str:
        """The address by which a commit names the account without telling a real one."""
        return f"{self.id}+{self.login}@{NO_REPLY}"

    def as_json(self) -> Json:
        """As it stands in lists and beside commits."""
        return {
            "login": self.login,
            "id": self.id,
            "node_id": f"U_{self.id}",
            "type": self.kind,
            "user_view_type": "public",
            "site_admin": False,
        }


@dataclass(slots=True, kw_only=True)
class Team:
    """A team: its own members, those who were invited and have not accepted, and the team it is a child of."""

    org: str
    slug: str
    members: set[int] = field(default_factory=set)
    pending: set[int] = field(default_factory=set)
    parent: str | None = None
    secret: bool = False


class People:
    """Everybody, by id and by the login of the moment."""

    def __init__(self) -> None:
        self._ids = count(1001)
        self._accounts: dict[int, Account] = {}
        self._teams: dict[tuple[str, str], Team] = {}
        self.add("web-flow", emails=[WEB_FLOW_EMAIL])

    def add(self, login: str, *, kind: str = "User", emails: list[str] | None = None) -> Account:
        """A new account. Raises ValueError where the login is taken."""
        if self._named(login) is not None:
            raise ValueError(f"the login {login} is taken")
        found = Account(
            id=next(self._ids), login=login, kind=kind, emails=emails or [f"{login}@mail.example"]
        )
        self._accounts[found.id] = found
        return found

    def rename(self, login: str, to: str) -> None:
        """Give an account another login; the old one is free from now on."""
        if self._named(to) is not None:
            raise ValueError(f"the login {to} is taken")
        self.by_login(login).login = to

    def remove(self, login: str) -> None:
        """Delete an account. It leaves its teams, and its login is free."""
        gone = self._accounts.pop(self.by_login(login).id)
        for team in self._teams.values():
            team.members.discard(gone.id)
            team.pending.discard(gone.id)

    def by_login(self, login: str) -> Account:
        """Who has this login now, in whatever case; raises Problem 404."""
        found = self._named(login)
        if found is None:
            raise not_found()
        return found

    def by_email(self, email: str | None) -> Account | None:
        """Whose address this is: one of their own, or the no-reply one with their id."""
        address = (email or "").lower()
        for account in self._accounts.values():
            own = [each.lower() for each in account.emails]
            if address in own or (address.startswith(f"{account.id}+") and address.endswith(f"@{NO_REPLY}")):
                return account
        return None

    def set_team(self, team: Team) -> None:
        """Make a team, or make it anew."""
        self._teams[team.org.lower(), team.slug.lower()] = team

    def team(self, org: str, slug: str) -> Team:
        """A team; raises Problem 404, for one that is not there and for a secret one."""
        found = self._teams.get((org.lower(), slug.lower()))
        if found is None or found.secret:
            raise not_found()
        return found

    def members(self, org: str, slug: str) -> list[Account]:
        """The active members of a team, those of its child teams included, by id."""
        team = self.team(org, slug)
        ids = set(team.members)
        for child in self._teams.values():
            if child.org.lower() == org.lower() and child.parent == team.slug:
                ids |= {member.id for member in self.members(org, child.slug)}
        return [self._accounts[id_] for id_ in sorted(ids)]

    def _named(self, login: str) -> Account | None:
        return next((a for a in self._accounts.values() if a.login.lower() == login.lower()), None)
