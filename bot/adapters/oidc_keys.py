"""The keys that an identity provider signs with: read from its JWKS, and found by id and algorithm."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from bot.adapters.oidc_exchange import Said

PublicKey = RSAKey | ECKey | OKPKey
KINDS: Final[Mapping[str, tuple[type[PublicKey], str | None]]] = {
    "RS256": (RSAKey, None),
    "PS256": (RSAKey, None),
    "ES256": (ECKey, "P-256"),
    "EdDSA": (OKPKey, "Ed25519"),
    "Ed25519": (OKPKey, "Ed25519"),  # the name that RFC 9864 gave it
}
"""The algorithms that are believed, with the kind of key and the curve of each. Never `none`, nor anything symmetric:
what the provider publishes is not a secret."""
_TYPES: Final[Mapping[str, type[PublicKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_MOST_KEYS = 100
_LEAST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Keys:
    """The published keys that can sign anything for us."""

    keys: tuple[PublicKey, ...] = ()

    def fitting(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The key named `kid`; without a name, the only one of the right kind. None where there is none such."""
        fit = [key for key in self.keys if _fits(key, algorithm)]
        if kid is None:
            return fit[0] if len(fit) == 1 else None
        return next((key for key in fit if key.kid == kid), None)


def keys_in(said: Said) -> Keys:
    """The public signature keys of a JWKS; what is not understood or must not be trusted is passed over."""
    listed = said.get("keys")
    if not isinstance(listed, list):
        return Keys()
    return Keys(tuple(key for each in listed[:_MOST_KEYS] if (key := _read(each)) is not None))


def _read(each: object) -> PublicKey | None:
    if not isinstance(each, dict) or each.get("use", "sig") != "sig" or "d" in each:
        return None  # whoever publishes a private key has told everybody how to sign
    kind = _TYPES.get(str(each.get("kty")))
    if kind is None:
        return None
    try:
        if kind is RSAKey and len(str(each.get("n", ""))) * 6 < _LEAST_RSA_BITS:
            return None
        return kind.import_key(each)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _fits(key: PublicKey, algorithm: str) -> bool:
    kind, curve = KINDS[algorithm]
    return isinstance(key, kind) and key.get("alg") in (None, algorithm) and curve in (None, key.get("crv"))
