"""A world in which people enrol: links from Slack, browsers, codes from the host, logins, authenticators."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from pydantic import SecretStr

from bot.adapters.passkey import Passkeys
from bot.adapters.seal import KeySeal
from bot.adapters.totp import Totp
from bot.adapters.totp_check import TotpCheck
from bot.domain.identity import Identity
from bot.domain.refusal import Refusal
from bot.domain.repository import RepositoryError
from bot.domain.second_factor import Credential, Method
from bot.flows import (
    confirm,
    enroll,
    enroll_app,
    enroll_code,
    enroll_factor,
    enroll_passkey,
    enroll_removal,
    reset,
    step_up,
)
from bot.flows.enroll_proof import Visit
from bot.flows.login import browser_digest
from bot.ports import Factors, LoggedIn
from tests.flows.world import World
from tests.soft_authenticator import SoftAuthenticator, b64

ORIGIN, HOST = "https://portcullis.acme.example", "portcullis.acme.example"
ISSUER = "https://login.acme.example"
HOME = "198.51.100.7"
ADMINISTRATORS = (
    "version: 1\n",
    "version: 1\nsecond_factors: {administrators: [platform-lead], cool_off: 24h, login: {amr: [mfa]}}\n",
)
NAMED = ("bo:  {slack: U02BO, github: bo-r}", "bo:  {slack: U02BO, github: bo-r, oidc: sub-bo}")
PASSKEYS_TOO = (
    "second_factor: {methods: [totp]}",
    "second_factor: {methods: [passkey, oidc, totp], within: 3m}",
)


class FakeForge:
    """Knows which id a GitHub login has now."""

    def __init__(self) -> None:
        self.ids = {"ada-l": "101", "bo-r": "102", "cy-m": "103", "vic-e": "104"}
        self.silent = False

    async def account(self, login: str) -> str:
        await asyncio.sleep(0)
        if self.silent:
            raise RepositoryError("timeout")
        if login not in self.ids:
            raise RepositoryError("login-unknown")
        return self.ids[login]

    team = changes = owners = None  # never asked here


@dataclass
class Desk:
    """What people do on the pages of enrolment; a browser is called by a name of its own."""

    world: World
    keys: dict[str, SoftAuthenticator] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: count(5000))

    def __post_init__(self) -> None:
        self.totp = Totp(KeySeal(SecretStr("a key of the tests, long enough: 0123456789")))

    @property
    def factors(self) -> Factors:
        return Factors(
            codes=self.world.codes, pages=ORIGIN, passkeys=Passkeys(ORIGIN, "Portcullis"), secrets=self.totp
        )

    @property
    def real_codes(self) -> Factors:
        return Factors(codes=TotpCheck(self.totp), pages=ORIGIN, secrets=self.totp)

    @property
    def _with(self) -> tuple[Any, Any]:
        return self.world.ledger, self.world.policy

    async def begin(self, person: str = "bo") -> str:
        """`/deploy enroll`: the link's token."""
        return (await enroll.begin(*self._with, self.world.asker(person))).token

    def visit(self, token: str, browser: str | None = "laptop", address: str = HOME) -> Visit:
        digest = None if browser is None else browser_digest(browser)
        return Visit(token=token, browser=digest, address=address)

    async def standing(self, token: str, browser: str | None = "laptop") -> enroll.Standing:
        return await enroll.standing(*self._with, self.visit(token, browser))

    async def issue(self, person: str = "bo", *, again: bool = False) -> str:
        """`portcullis enroll PERSON` on the host."""
        return (await enroll_code.issue(*self._with, person=person, by="root", again=again)).code

    async def by_code(self, token: str, code: str, browser: str = "laptop", address: str = HOME) -> None:
        await enroll_code.proved_by_code(
            *self._with, token, code, browser=browser_digest(browser), address=address
        )

    async def by_login(
        self,
        token: str,
        subject: str = f"{ISSUER} sub-bo",
        browser: str = "laptop",
        *,
        ago: timedelta = timedelta(0),
        email: str = "bo@acme.example",
    ) -> None:
        asked = await step_up.challenge(*self._with, token, Method.OIDC, address=HOME)
        await enroll.proved_by_login(
            *self._with,
            token,
            asked.challenge.id,
            self.logged_in(subject, ago=ago, email=email),
            browser=browser_digest(browser),
            address=HOME,
        )

    def logged_in(
        self, subject: str, *, ago: timedelta = timedelta(0), email: str = "bo@acme.example"
    ) -> LoggedIn:
        return LoggedIn(
            subject=subject,
            label=email,
            authenticated_at=self.world.clock.now() - ago,
            acr="mfa",
            amr=("mfa",),
            roles=frozenset(),
            claims={"sub": subject.rpartition(" ")[2], "email": email},
        )

    async def by_factor(self, token: str, key: str, browser: str = "laptop") -> None:
        """Prove oneself with a passkey that one has."""
        asked = await enroll_factor.ask_factor(*self._with, token, Method.PASSKEY, address=HOME)
        answer = self.keys[key].get({"challenge": b64(asked.signed)})
        await enroll_factor.proved_by_passkey(
            *self._with,
            self.factors,
            token,
            asked.challenge.id,
            answer,
            browser=browser_digest(browser),
            address=HOME,
        )

    async def by_app(self, token: str, code: str, browser: str = "laptop") -> None:
        asked = await enroll_factor.ask_factor(*self._with, token, Method.TOTP, address=HOME)
        await enroll_factor.proved_by_app(
            *self._with,
            self.factors,
            token,
            asked.challenge.id,
            code,
            browser=browser_digest(browser),
            address=HOME,
        )

    async def passkey(
        self, token: str, key: str = "bo", browser: str | None = "laptop", name: str | None = "Laptop"
    ) -> Credential:
        """Make a passkey and register it."""
        visit = self.visit(token, browser)
        made = await enroll_passkey.offer_passkey(*self._with, self.factors, visit)
        device = self.keys.setdefault(key, SoftAuthenticator(ORIGIN, HOST))
        answer = device.create(dict(made.options))
        return await enroll_passkey.keep_passkey(
            *self._with, self.factors, visit, made.challenge, answer, name
        )

    async def remove(self, token: str, credential: str, browser: str | None = "laptop") -> Credential:
        return await enroll_removal.remove(*self._with, self.visit(token, browser), credential)

    async def offer_app(self, token: str, browser: str | None = "laptop") -> enroll_app.Offered:
        return await enroll_app.offer_app(*self._with, self.real_codes, self.visit(token, browser))

    async def keep_app(
        self, token: str, challenge: str, code: str, browser: str | None = "laptop"
    ) -> Credential:
        visit = self.visit(token, browser)
        return await enroll_app.keep_app(*self._with, self.real_codes, visit, challenge, code, "Phone")

    async def enrolled(self, person: str, key: str | None = None) -> Credential:
        """By code, from the host to the end."""
        code = await self.issue(person)
        token = await self.begin(person)
        await self.by_code(token, code)
        return await self.passkey(token, key or person)

    async def administrator(self, person: str = "ada") -> Credential:
        """The first one, by bootstrap: their factor counts at once."""
        return await self.enrolled(person)

    # Administrators

    async def signs(self, token: str, person: str) -> step_up.Done:
        """Step up with one's own passkey on the page of a link."""
        return await self.signs_with(token, person)

    async def signs_with(self, token: str, key: str) -> step_up.Done:
        asked = await step_up.challenge(*self._with, token, Method.PASSKEY, address=HOME)
        answer = self.keys[key].get({"challenge": b64(asked.signed)})
        return await step_up.by_passkey(
            *self._with, self.factors, token, asked.challenge.id, answer, address=HOME
        )

    async def confirm(self, person: str, by: str = "ada") -> None:
        begun = await confirm.begin_confirmation(*self._with, self.world.asker(by), person)
        await self.signs(begun.token, by)

    async def ask_reset(self, person: str, by: str, reason: str | None = "Lost") -> reset.Begun:
        begun = await reset.begin_reset(*self._with, self.world.asker(by), person, reason)
        assert isinstance(begun, reset.Begun)
        return begun

    async def reset(self, person: str, by: str) -> None:
        await self.signs((await self.ask_reset(person, by)).token, by)

    # What can be seen

    async def held(self, person: str) -> list[Credential]:
        return await self.world.ledger.read(lambda tx: tx.credentials.of(person))

    async def links(self, person: str) -> dict[str, str]:
        found: list[Identity] = await self.world.ledger.read(lambda tx: tx.identities.of(person))
        return {i.provider.value: i.subject for i in found}

    async def why_not(self, doing: Any) -> str:
        """The code of a refusal."""
        try:
            await doing
        except Refusal as refusal:
            return refusal.code
        raise AssertionError("it was not refused")
