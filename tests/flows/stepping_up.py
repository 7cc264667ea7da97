"""A world with pages: links opened from Slack, passkeys of software authenticators, codes, logins."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bot.adapters.passkey import Passkeys
from bot.domain.audit import Fact
from bot.domain.identity import Identity, Provider
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential, Method
from bot.flows import approve, step_up
from bot.ports import Factors, LoggedIn
from tests.flows.world import World
from tests.soft_authenticator import SoftAuthenticator, b64

ORIGIN = "https://portcullis.acme.example"
HOST = "portcullis.acme.example"
ISSUER = "https://login.acme.example"
HOME = "198.51.100.7"
ALL = ("second_factor: {methods: [totp]}", "second_factor: {methods: [passkey, oidc, totp], within: 3m}")
LOGINS = ("version: 1\n", "version: 1\nsecond_factors: {login: {amr: [mfa]}}\n")


@dataclass
class Pages:
    """What people do on our pages."""

    world: World
    keys: dict[str, SoftAuthenticator] = field(default_factory=dict)
    used: int = 0

    @property
    def factors(self) -> Factors:
        return Factors(codes=self.world.codes, pages=ORIGIN, passkeys=Passkeys(ORIGIN, "Portcullis"))

    @property
    def home(self) -> dict[str, str]:
        return {"address": HOME}

    async def give(self, person: str, **changes: Any) -> SoftAuthenticator:
        """A passkey for somebody."""
        device = self.keys[person] = SoftAuthenticator(ORIGIN, HOST)
        passkeys = Passkeys(ORIGIN, "Portcullis")
        passkey, _ = passkeys.created(bytes(32), device.create({"challenge": b64(bytes(32))}))
        usual: dict[str, Any] = {
            "id": f"passkey-{person}",
            "person": person,
            "method": "passkey",
            "sealed": "",
            "enrolled_at": self.world.clock.now(),
            "enrolled_by": "test",
            "passkey": passkey,
            "name": "Laptop",
        }
        await self.put(Credential(**(usual | changes)))
        return device

    async def put(self, credential: Credential, because: str = "credential.enrolled") -> None:
        await self.world.ledger.write(lambda tx: tx.credentials.put(credential, Fact(type=because)))

    async def change(self, credential: str, **changes: Any) -> None:
        found = await self.world.ledger.read(lambda tx: tx.credentials.get(credential))
        assert found is not None
        await self.put(replace(found, **changes), "credential.changed")

    async def link(self, person: str, *, ago: timedelta = timedelta(days=2)) -> Identity:
        """An account at the identity provider, linked so long ago."""
        identity = Identity(
            provider=Provider.OIDC,
            subject=f"{ISSUER} {person}",
            person=person,
            label=person,
            linked_at=self.world.clock.now() - ago,
            linked_by="test",
        )
        await self.world.ledger.write(lambda tx: tx.identities.put(identity, Fact(type="identity.linked")))
        return identity

    async def press(self, person: str, request: str = "DEP-1") -> str:
        """Press Approve in Slack: the token of the link."""
        world = self.world
        opened = await approve.open_page(world.ledger, world.policy, world.asker(person), request)
        return opened.token

    async def ask(self, token: str, method: Method = Method.PASSKEY, address: str = HOME) -> step_up.Asked:
        return await step_up.challenge(self.world.ledger, self.world.policy, token, method, address=address)

    async def answer(
        self, token: str, asked: step_up.Asked, answer: dict[str, Any], address: str = HOME
    ) -> step_up.Done:
        world = self.world
        return await step_up.by_passkey(
            world.ledger, world.policy, self.factors, token, asked.challenge.id, answer, address=address
        )

    async def passkey(self, token: str, person: str, address: str = HOME) -> step_up.Done:
        """Answer the page with somebody's passkey."""
        asked = await self.ask(token, address=address)
        answer = self.keys[person].get({"challenge": b64(asked.signed)})
        return await self.answer(token, asked, answer, address)

    async def code(self, token: str, code: str, address: str = HOME) -> step_up.Done:
        """Type a code into the page."""
        world = self.world
        asked = await self.ask(token, Method.TOTP, address)
        return await step_up.by_code(
            world.ledger, world.policy, self.factors, token, asked.challenge.id, code, address=address
        )

    def good(self, person: str) -> str:
        """A code of somebody's that nobody used yet."""
        self.used += 1
        return f"{person}-{1000 + self.used}"

    async def login(
        self, token: str, subject: str, *, ago: timedelta = timedelta(0), address: str = HOME
    ) -> step_up.Done:
        """Come back from the identity provider."""
        world = self.world
        asked = await self.ask(token, Method.OIDC, address)
        logged_in = LoggedIn(
            subject=subject,
            label="ada",
            authenticated_at=world.clock.now() - ago,
            acr="mfa",
            amr=("mfa",),
            roles=frozenset(),
            claims={"sub": "ada", "amr": ["mfa"]},
        )
        return await step_up.by_login(
            world.ledger, world.policy, token, asked.challenge.id, logged_in, address=address
        )

    async def refusal(self, doing: Any) -> Refusal:
        """Why something was refused."""
        try:
            await doing
        except Refusal as refusal:
            return refusal
        raise AssertionError("it was not refused")

    async def why_not(self, doing: Any) -> str:
        return (await self.refusal(doing)).code
