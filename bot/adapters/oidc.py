"""OpenID Connect: logins as a second factor, and roles asked live; authorization code, PKCE, all checked after it."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

import aiohttp
from pydantic import JsonValue, SecretStr

from bot.adapters.oidc_claims import (
    Expected,
    check_login,
    check_standing,
    kept_of,
    label_of,
    subject_of,
    texts_in,
)
from bot.adapters.oidc_client import Client, authorization_url, challenge_of
from bot.adapters.oidc_discovery import Discovery
from bot.adapters.oidc_exchange import Exchange, Said
from bot.adapters.oidc_grants import Grant, Grants
from bot.adapters.oidc_token import Claims, IdToken, read_token
from bot.adapters.seal import SealBroken
from bot.domain.second_factor import Challenge
from bot.policy import Login
from bot.ports import Clock, LoggedIn, LoginRefused, PolicyInForce, Seal

CALLBACK: Final = "/mfa/login/callback"
_WHOLE_LOGIN_S = 20.0


class OidcProvider:
    """Implements ports.IdentityProvider for one issuer and one client.

    Whatever was asked for proves nothing: a provider can ignore `prompt`, `max_age` and `acr_values`, so each answer
    is checked against the policy in force and against the challenge.
    """

    def __init__(  # noqa: PLR0913 -- one client has so many settings
        self,
        session: aiohttp.ClientSession,
        clock: Clock,
        seal: Seal,
        *,
        issuer: str,
        client_id: str,
        client_secret: SecretStr | None,
        origin: str,
        in_force: PolicyInForce,
        timeout_s: float = 5,
    ) -> None:
        """`origin` is our own; `timeout_s` bounds each call. Without a secret the client is a public one."""
        self._clock = clock
        self._seal = seal
        self._issuer = issuer
        self._client = Client(id=client_id, secret=client_secret, redirect_uri=origin.rstrip("/") + CALLBACK)
        self._in_force = in_force
        self._exchange = Exchange(session, timeout_s=timeout_s)
        self._discovery = Discovery(self._exchange, clock, issuer)
        self._grants = Grants(clock, seal)

    async def begin(
        self, challenge: Challenge, *, nonce: str, step_up: bool
    ) -> tuple[str, Mapping[str, JsonValue]]:
        """Where to send the browser, and the facts to keep with the challenge: the digest of the state, and the PKCE
        verifier under our seal. The state begins with the challenge's id.

        The person has to log in anew either way. Not `step_up` (at enrolment, once a person), they are also asked to
        consent to our asking for their roles later, where the policy has such roles and the provider needs it.
        """
        login = self._login()
        metadata = await self._discovery.metadata()
        verifier = secrets.token_urlsafe(48)
        state = f"{challenge.id}.{secrets.token_urlsafe(32)}"
        offline = self._asks_roles()
        url = authorization_url(
            metadata.authorization,
            self._client,
            login,
            state=state,
            nonce=nonce,
            code_challenge=challenge_of(verifier),
            offline=offline,
            consent=offline and not step_up and metadata.asks_consent,
        )
        return url, {
            "state": _digest(state),
            "verifier": self._seal.close(verifier.encode(), purpose=_verifier_of(challenge)),
        }

    async def finish(self, challenge: Challenge, *, nonce: str, code: str) -> LoggedIn:
        """Redeem the code and check the answer. Raises LoginRefused.

        `challenge.facts` are those of `begin`, with the `iss` that the browser brought along (RFC 9207): an answer of
        another provider is refused before its code is shown to anybody.
        """
        login = self._login()
        async with _bounded():
            metadata = await self._discovery.metadata()
            named = challenge.facts.get("iss")
            if named != self._issuer and (named is not None or metadata.names_itself):
                raise LoginRefused("issuer-mixed-up")
            form = {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._client.redirect_uri,
                "code_verifier": self._verifier(challenge),
            }
            said = await self._redeem(form, refused="code-refused")
            token = await read_token(said.get("id_token"), self._discovery)
            at = self._check(token, said, challenge, nonce, login)
            subject = f"{self._issuer} {subject_of(token.claims, login)}"
            roles = await self._roles_in(token.claims, said, login) if self._asks_roles() else frozenset()
        return LoggedIn(
            subject=subject,
            label=label_of(token.claims),
            authenticated_at=at,
            acr=acr if isinstance(acr := token.claims.get("acr"), str) else None,
            amr=texts_in(token.claims, "amr"),
            roles=roles,
            claims=kept_of(token.claims, token.digest),
            refresh=self._refresh(said, token.claims, subject),
        )

    async def roles(self, refresh: str) -> tuple[frozenset[str], str]:
        """The roles that the provider gives this person now, and the text to ask with the next time.

        `refresh` is `SEALED ISSUER SUBJECT`: whose it is can be read by everybody, the grant in it by us alone.
        Raises LoginRefused: `grant-revoked`, `grant-broken`, `provider-silent`, `other-person` and what may be wrong
        with a token.
        """
        login = self._login()
        async with _bounded(), self._grants.of(refresh) as grant:
            form = {"grant_type": "refresh_token", "refresh_token": grant.token}
            asked_at = self._clock.now()
            said = await self._redeem(form, refused="grant-revoked")
            newest = said.get("refresh_token")
            # Kept first: the provider may have ended the old one with its answer, whatever we think of the rest.
            text = self._grants.followed(refresh, grant, newest if isinstance(newest, str) else grant.token)
            claims = await self._claims_again(said, grant, asked_at, login)
            return await self._roles_in(claims, said, login), text

    async def _claims_again(self, said: Said, grant: Grant, asked_at: datetime, login: Login) -> Claims:
        """The claims of an answer without the person there: they must be the same person's."""
        if "id_token" in said:
            token = await read_token(said["id_token"], self._discovery)
            check_standing(token.claims, self._expected(asked_at, login))
            claims = token.claims
            if f"{self._issuer} {subject_of(claims, login)}" != grant.subject:
                raise LoginRefused("other-person")
        else:
            claims = await self._userinfo(said)
        if claims.get("sub") != grant.sub:
            raise LoginRefused("other-person")
        return claims

    def _check(self, token: IdToken, said: Said, challenge: Challenge, nonce: str, login: Login) -> datetime:
        """Everything about the answer to a login; gives the instant of it."""
        expected = self._expected(challenge.created_at, login)
        check_standing(token.claims, expected)
        if not token.covers(said.get("access_token")):
            raise LoginRefused("token-swapped")
        return check_login(token.claims, expected, login, nonce)

    def _expected(self, since: datetime, login: Login) -> Expected:
        now = self._clock.now()
        return Expected(issuer=self._issuer, client_id=self._client.id, now=now, since=since, skew=login.skew)

    async def _redeem(self, form: Mapping[str, str], *, refused: str) -> Said:
        """Ask the token endpoint; `refused` is the code where it does not take what it was shown."""
        metadata = await self._discovery.metadata()
        fields, headers = self._client.authenticated(form, metadata.client_auth)
        status, said = await self._exchange.post(metadata.token, fields, headers)
        if status == 200:  # noqa: PLR2004
            return said
        error = said.get("error")
        if error == "invalid_grant":
            raise LoginRefused(refused)
        if error in ("invalid_client", "unauthorized_client"):
            raise LoginRefused("client-refused")
        raise LoginRefused("provider-malformed", why=f"http-{status}")

    async def _roles_in(self, claims: Claims, said: Said, login: Login) -> frozenset[str]:
        """From the ID token, or from userinfo where it does not hold them: some providers keep groups there."""
        metadata = await self._discovery.metadata()
        if login.roles_claim not in claims and metadata.userinfo is not None and "access_token" in said:
            more = await self._userinfo(said)
            if more.get("sub") != claims.get("sub"):
                raise LoginRefused("other-person")
            claims = more
        return frozenset(texts_in(claims, login.roles_claim))

    async def _userinfo(self, said: Said) -> Claims:
        metadata = await self._discovery.metadata()
        bearer = said.get("access_token")
        if metadata.userinfo is None or not isinstance(bearer, str) or not set(bearer) <= _HEADER_SAFE:
            raise LoginRefused("provider-malformed", why="no-claims")
        return await self._exchange.get(metadata.userinfo, bearer=bearer)

    def _refresh(self, said: Said, claims: Claims, subject: str) -> str | None:
        token = said.get("refresh_token")
        if not isinstance(token, str) or not self._asks_roles():
            return None
        return self._grants.sealed(Grant(token=token, sub=str(claims.get("sub")), subject=subject))

    def _verifier(self, challenge: Challenge) -> str:
        try:
            sealed = str(challenge.facts.get("verifier", ""))
            return self._seal.open(sealed, purpose=_verifier_of(challenge)).decode()
        except (SealBroken, ValueError):
            raise LoginRefused("login-unknown") from None

    def _login(self) -> Login:
        login = self._in_force.policy.second_factors.login
        if login is None:
            raise LoginRefused("login-not-allowed")
        return login

    def _asks_roles(self) -> bool:
        roles = self._in_force.policy.roles.values()
        return any(role.oidc_role or (role.all_of and role.all_of.oidc_role) for role in roles)


_HEADER_SAFE: Final = frozenset(map(chr, range(0x21, 0x7F)))


@contextlib.asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    """Everything that is asked of the provider for one purpose takes so long, or is over."""
    try:
        async with asyncio.timeout(_WHOLE_LOGIN_S):
            yield
    except TimeoutError:
        raise LoginRefused("provider-silent", why="timeout") from None


def _verifier_of(challenge: Challenge) -> str:
    return f"oidc-verifier {challenge.id}"


def _digest(state: str) -> str:
    return f"sha256:{sha256(state.encode()).hexdigest()}"
