"""Reads a signed ID token: its form, its algorithm and its signature, before a word of it is believed."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jws import JWSRegistry, deserialize_compact

from bot.adapters.oidc_discovery import Discovery
from bot.adapters.oidc_keys import KINDS
from bot.ports import LoginRefused

Claims = Mapping[str, object]

_MOST_CHARACTERS = 64 * 1024
_PARTS = 3


class _Believed(JWSRegistry):
    """Only the algorithms of KINDS exist. The library's own list has more, and warns of EdDSA's older name."""

    max_header_length = 4096  # some send the certificate along

    def get_alg(self, name: str) -> JWSAlgModel:
        """The algorithm, if it is believed."""
        if name not in KINDS:
            raise JoseError(f"{name} is not believed")
        return self.algorithms[name]


_REGISTRY: Final = _Believed(strict_check_header=False)


@dataclass(frozen=True, slots=True)
class IdToken:
    """An ID token whose signature is the provider's. What it claims is not checked yet."""

    claims: Claims
    algorithm: str
    digest: str  # of the whole token, so that an auditor recognises it

    def covers(self, access_token: object) -> bool:
        """Whether the access token is the one it was issued with; True where it says nothing of it."""
        stated = self.claims.get("at_hash")
        if stated is None:
            return True
        if not isinstance(stated, str) or not isinstance(access_token, str):
            return False
        algorithm = hashlib.sha512 if KINDS[self.algorithm][1] == "Ed25519" else hashlib.sha256
        half = algorithm(access_token.encode("utf-8", "replace")).digest()
        ours = base64.urlsafe_b64encode(half[: len(half) // 2]).rstrip(b"=")
        return hmac.compare_digest(stated.encode("utf-8", "replace"), ours)


async def read_token(token: object, discovery: Discovery) -> IdToken:
    """Raises LoginRefused: `token-malformed`, `algorithm-refused`, `key-unknown`, `signature-wrong`."""
    if not isinstance(token, str) or not token.isascii() or len(token) > _MOST_CHARACTERS:
        _malformed("size")
    if token.count(".") != _PARTS - 1:
        _malformed("parts")  # five parts are an encrypted one, which was not asked for
    header = _json(token.partition(".")[0])
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in KINDS:
        raise LoginRefused("algorithm-refused")
    if "crit" in header or "b64" in header or str(header.get("typ", "JWT")).upper() != "JWT":
        _malformed("header")  # an access token or a logout token of the same issuer is signed just as well
    if not (kid is None or isinstance(kid, str)):
        _malformed("header")
    key = await discovery.key(kid, algorithm)
    try:
        deserialize_compact(token, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError, KeyError):
        raise LoginRefused("signature-wrong") from None
    digest = f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"
    return IdToken(_json(token.split(".")[1]), algorithm, digest)


def _json(part: str) -> Claims:
    try:
        read = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        _malformed("json")
    if not isinstance(read, dict):
        _malformed("json")
    return read


def _malformed(why: str) -> NoReturn:
    raise LoginRefused("token-malformed", why=why)
