"""What the value of a setting may be: addresses, secrets and pairs of a name and a secret. No error repeats a secret."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from bot.domain.api_token import EVERYTHING, NAME, ONE_HEARTBEAT, PLACE, ApiToken, Grant, Scope

TOKEN_PAIR: Final = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]{0,62})=(?P<token>[!-+\--~]{16,256})", re.ASCII)
_SECRET: Final = re.compile(r"[!-+\--~]{16,256}", re.ASCII)
_NO_SECRET: Final = re.compile(r"[A-Za-z]{1,15}", re.ASCII)
"""What is told of a scope that is none: too short for a token, and without a digit."""
_JOINED: Final = "name:scope+scope=token"
_ADDRESS: Final = re.compile(r"https?://[^\s/@?#]+(?:/[^\s?#]*)?")
_SERVER: Final = re.compile(r"smtps?://(?:[^/@?#]*@)?[^/@?#]+/?")
_HOST: Final = re.compile(r"[^\s/@?#:\[\]\x00-\x20%]+|[0-9a-fA-F:.]+")
_PRINTABLE: Final = re.compile(r"[!-~]+")
_MAIL: Final = (
    "expected smtp://USER:PASSWORD@HOST:PORT or smtps://, with % escapes where the password needs them"
)


def web_address(value: str) -> str:
    """An address of the web. Raises ValueError."""
    if not _ADDRESS.fullmatch(value):
        raise ValueError("expected http(s)://HOST/PATH, without a user, a query or spaces")
    _parts(value, "expected http(s)://HOST/PATH, without a user, a query or spaces")
    return value


def secure_address(value: str) -> str:
    """One that secrets go to: https, or this machine itself. Raises ValueError."""
    parts = urlsplit(web_address(value))
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("it must be https, or http on localhost for a trial")
    return value


def mail_address(value: SecretStr) -> SecretStr:
    """The address of a mail server, with its login. Raises ValueError."""
    text = value.get_secret_value()
    if not _PRINTABLE.fullmatch(text) or not _SERVER.fullmatch(text):
        raise ValueError(_MAIL)
    parts = _parts(text, _MAIL)
    if bool(parts.username) != bool(parts.password):
        raise ValueError("a user and a password go together")
    return value


def _parts(value: str, expected: str) -> SplitResult:
    """The address in its parts, with a host, and a port that there can be. Raises ValueError without the value in it."""
    try:
        parts = urlsplit(value)
        host = parts.hostname
        if "[" in parts.netloc:
            ip_address(host or "")
    except ValueError:
        raise ValueError(expected) from None
    if host is None or not _HOST.fullmatch(host):
        raise ValueError(expected)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("its port must be a number from 1 to 65535")
    return parts


def printable(value: SecretStr) -> SecretStr:
    """What goes into headers and hashes must be what the sender's side has, without a stray control character.

    Raises ValueError.
    """
    if not _PRINTABLE.fullmatch(value.get_secret_value()):
        raise ValueError("it holds spaces, control characters or letters beyond ASCII")
    return value


def token_pairs(value: object) -> object:
    """`name=token` pairs, separated by white space or commas; a token has 16 characters or more. Raises ValueError."""
    if not isinstance(value, str):
        return value
    pairs: dict[str, str] = {}
    for number, word in enumerate(_words(value), 1):
        match = TOKEN_PAIR.fullmatch(word)
        if match is None:
            raise ValueError(
                f"pair {number} is not name=token (a name in lower case, a token of 16 characters or more)"
            )
        if match["name"] in pairs:
            raise ValueError(f"pair {number} has the same name as another one")
        if match["token"] in pairs.values():
            raise ValueError(f"pair {number} has the same token as another one; who sent it?")
        pairs[match["name"]] = match["token"]
    return pairs


def api_tokens(value: object) -> object:
    """`name=token` or `name:scope+scope=token`, separated by white space or commas. Raises ValueError.

    Scopes are joined by +, so that a pair stays one word for whoever takes this setting apart (adapters/own_secrets).
    """
    if not isinstance(value, str):
        return value
    found: list[ApiToken] = []
    for number, word in enumerate(_words(value), 1):
        left, _, secret = word.partition("=")
        name, limited, scopes = left.partition(":")
        if not NAME.fullmatch(name) or not _SECRET.fullmatch(secret):
            raise ValueError(
                f"pair {number} is not name=token or {_JOINED} (a name in lower case, a token of 16 characters or "
                "more, no space and no comma within)"
            )
        if any(each.name == name for each in found):
            raise ValueError(f"pair {number} has the same name as another one")
        if any(each.secret.get_secret_value() == secret for each in found):
            raise ValueError(f"pair {number} has the same token as another one; who sent it?")
        grant = _grant(number, scopes.split("+")) if limited else EVERYTHING
        found.append(ApiToken(name=name, secret=SecretStr(secret), grant=grant))
    return tuple(found)


def _grant(number: int, words: list[str]) -> Grant:
    """What a token is for. Raises ValueError, also for what says nothing: that must not come to mean everything."""
    known = f"; there are {', '.join(Scope)} and {ONE_HEARTBEAT}NAME, as in {_JOINED}"
    if not all(words):
        raise ValueError(f"pair {number} has an empty scope{known}")
    if len(set(words)) != len(words):
        raise ValueError(f"pair {number} says a scope twice")
    scopes, single = set[Scope](), set[str]()
    for word in words:
        if word in set(Scope):
            scopes.add(Scope(word))
        elif not word.startswith(ONE_HEARTBEAT):
            said = f"“{word}”" if _NO_SECRET.fullmatch(word) else "something"
            raise ValueError(f"pair {number} says {said}, which is no scope{known}")
        elif not PLACE.fullmatch(place := word.removeprefix(ONE_HEARTBEAT)):
            raise ValueError(
                f"pair {number}: behind {ONE_HEARTBEAT} stands the NAME or the ENVIRONMENT/NAME of one heartbeat"
            )
        else:
            single.add(place)
    if Scope.HEARTBEATS in scopes and single:
        raise ValueError(f"pair {number} says heartbeats, which is all of them, and one of them as well")
    return Grant(frozenset(scopes), frozenset(single))


def _words(value: str) -> Iterator[str]:
    return (word for word in re.split(r"[\s,]+", value) if word)


def address_pairs(value: object) -> object:
    """`name=address` pairs, separated by white space. Raises ValueError."""
    if not isinstance(value, str):
        return value
    found: dict[str, str] = {}
    for number, word in enumerate(value.split(), 1):
        name, _, address = word.partition("=")
        if not NAME.fullmatch(name) or not address:
            raise ValueError(f"pair {number} is not name=address (a name in lower case)")
        if name in found:
            raise ValueError(f"pair {number} has the same name as another one")
        try:
            found[name] = secure_address(address)
        except ValueError as error:
            raise ValueError(f"the address of pair {number}: {error}") from None
    return found
