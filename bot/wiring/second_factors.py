"""What second factors need, put together from the settings: codes, passkeys, the identity provider."""

import contextlib

import aiohttp

from bot.adapters.oidc import OidcProvider
from bot.adapters.passkey import Passkeys
from bot.adapters.seal import KeySeal
from bot.adapters.totp import Totp
from bot.adapters.totp_check import TotpCheck
from bot.ports import Factors
from bot.settings import Settings
from bot.wiring.decider import Decider


def factors_of(settings: Settings, decider: Decider, closing: contextlib.AsyncExitStack) -> Factors:
    """Codes always; passkeys and logins where there are pages of ours. The authority asks the same provider."""
    totp = Totp(KeySeal(settings.secret_key))
    pages = settings.public_url
    factors = Factors(
        codes=TotpCheck(totp),
        pages=pages,
        passkeys=None if pages is None else Passkeys(pages, "Portcullis"),
        logins=None if pages is None else _identity_provider(settings, decider, pages, closing),
        secrets=totp,
    )
    if decider.collector.authority is not None:
        decider.collector.authority.connect_logins(factors.logins)
    return factors


def _identity_provider(
    settings: Settings, decider: Decider, pages: str, closing: contextlib.AsyncExitStack
) -> OidcProvider | None:
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    # Logins are rare: a fresh connection for each call, so that none is lost on one that was closed meanwhile.
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True), cookie_jar=aiohttp.DummyCookieJar()
    )
    closing.push_async_callback(session.close)
    return OidcProvider(
        session,
        decider.clock,
        KeySeal(settings.secret_key),
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        origin=pages,
        in_force=decider.holder,
    )
