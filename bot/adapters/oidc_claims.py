"""Checks what an ID token claims: for us, of now, of this challenge, by this person, and strongly enough (P8)."""

import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.adapters.oidc_token import Claims
from bot.adapters.plain_text import one_line
from bot.policy import Login
from bot.ports import LoginRefused

KEPT: Final = (
    "iss",
    "sub",
    "oid",
    "tid",
    "aud",
    "azp",
    "iat",
    "exp",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "acrs",
    "jti",
    "sid",
)
"""What an auditor gets of the claims. Names and addresses are not among them, nor is any token."""
_LONGEST_SUBJECT = 255
_LONGEST_TEXT = 200
_MOST_TEXTS = 1000
_LATEST = 32503680000  # the year 3000: beyond it, a number is no instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What every ID token is held against. `since`: it was not asked for before."""

    issuer: str
    client_id: str
    now: datetime
    since: datetime
    skew: timedelta

    @property
    def earliest(self) -> datetime:
        """Claims count whole seconds, so something of the same second is not earlier."""
        return self.since.replace(microsecond=0) - self.skew

    @property
    def latest(self) -> datetime:
        return self.now + self.skew


def check_standing(claims: Claims, expected: Expected) -> None:
    """Whose token it is, for whom, and whether it is in force.

    Raises LoginRefused: `issuer-wrong`, `audience-wrong`, `token-expired`, `token-early`, `token-old`.
    """
    if claims.get("iss") != expected.issuer:
        raise LoginRefused("issuer-wrong")
    _check_audience(claims, expected.client_id)
    if _instant(claims, "exp") <= expected.now - expected.skew:
        raise LoginRefused("token-expired")
    issued = _instant(claims, "iat")
    if issued > expected.latest or ("nbf" in claims and _instant(claims, "nbf") > expected.latest):
        raise LoginRefused("token-early")
    if issued < expected.earliest:
        raise LoginRefused("token-old")


def check_login(claims: Claims, expected: Expected, login: Login, nonce: str) -> datetime:
    """That the person was there, for this challenge, with a second factor; gives the instant of the login.

    Raises LoginRefused: `nonce-wrong`, `login-undated`, `login-stale`, `token-early`, `login-weak` (naming what was
    missing).
    """
    stated = claims.get("nonce")
    if not isinstance(stated, str) or not hmac.compare_digest(
        stated.encode("utf-8", "replace"), nonce.encode()
    ):
        raise LoginRefused("nonce-wrong")
    if "auth_time" not in claims:
        raise LoginRefused("login-undated")
    at = _instant(claims, "auth_time")
    if at < expected.earliest:
        raise LoginRefused("login-stale", seconds=int((expected.since - at).total_seconds()))
    if at > expected.latest:
        raise LoginRefused("token-early")
    _check_strength(claims, login)
    return at


def subject_of(claims: Claims, login: Login) -> str:
    """`SUB`, or `TENANT/OBJECT` where the policy says so. Raises LoginRefused `subject-missing`."""
    names = ("sub",) if login.subject == "sub" else ("tid", "oid")
    texts = [claims.get(name) for name in names]
    if not all(isinstance(t, str) and 0 < len(t) <= _LONGEST_SUBJECT and t.isprintable() for t in texts):
        raise LoginRefused("subject-missing", claim=" and ".join(names))
    return "/".join(str(text) for text in texts)


def label_of(claims: Claims) -> str:
    """What the account is called there, to be shown and never compared."""
    for name in ("preferred_username", "email", "name", "sub"):
        text = claims.get(name)
        if isinstance(text, str) and one_line(text, _LONGEST_TEXT):
            return one_line(text, _LONGEST_TEXT)
    return "?"


def texts_in(claims: Claims, name: str) -> tuple[str, ...]:
    """A claim that is a list of texts, or one text; whatever else it holds is passed over."""
    value = claims.get(name)
    listed = value if isinstance(value, list) else [value]
    return tuple(text for text in listed[:_MOST_TEXTS] if isinstance(text, str))


def kept_of(claims: Claims, digest: str) -> Mapping[str, JsonValue]:
    """The claims that an auditor gets, and the digest of the token that made them."""
    kept: dict[str, JsonValue] = {"id_token": digest}
    for name in KEPT:
        value = claims.get(name)
        if isinstance(value, list):
            kept[name] = [_short(text) for text in value[:50] if isinstance(text, str)]
        elif isinstance(value, str):
            kept[name] = _short(value)
        elif isinstance(value, int | float):
            kept[name] = int(value)
    return kept


def _check_audience(claims: Claims, client_id: str) -> None:
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    if client_id not in listed:
        raise LoginRefused("audience-wrong")
    if (len(listed) > 1 or "azp" in claims) and claims.get("azp") != client_id:
        raise LoginRefused("audience-wrong")  # it was issued to somebody else who may show it to us


def _check_strength(claims: Claims, login: Login) -> None:
    acr = claims.get("acr")
    if login.acr and acr not in login.acr:
        raise LoginRefused("login-weak", claim="acr", wanted=list[JsonValue](login.acr))
    for name, wanted in (("amr", login.amr), ("acrs", login.acrs)):
        missing = sorted(set(wanted) - set(texts_in(claims, name)))
        if missing:
            raise LoginRefused("login-weak", claim=name, wanted=list[JsonValue](missing))


def _instant(claims: Claims, name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LoginRefused("token-malformed", why=name)
    if not (math.isfinite(value) and 0 <= value <= _LATEST):
        raise LoginRefused("token-malformed", why=name)
    return datetime.fromtimestamp(value, UTC)


def _short(text: str) -> str:
    return one_line(text, _LONGEST_TEXT)
