"""Passkeys (WebAuthn) for our own origin: what browsers are asked, and the checks of what authenticators answer."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import webauthn
from pydantic import JsonValue
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, decode_credential_public_key
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from bot.domain.second_factor import CHALLENGE_LASTS, Passkey
from bot.ports import Asserted, PasskeyRefused

_MILLISECONDS: Final = int(CHALLENGE_LASTS.total_seconds() * 1000)
_LONGEST: Final = 16 * 1024
"""Characters of one text in an answer; the largest are certificates."""
_LONGEST_ID: Final = 1023  # bytes, by the specification
_TRANSPORTS: Final = {t.value: t for t in AuthenticatorTransport}
_GET, _CREATE = "webauthn.get", "webauthn.create"
_ACCOUNT: Final = b"portcullis/account/v1\0"


class Passkeys:
    """Implements ports.PasskeyCheck. The relying party is the host of `origin`; no other origin is believed, and no
    page that stands in a frame of another one: the library reads `crossOrigin` and leaves it at that.

    The authenticator has to have verified its user (a finger, a face, a PIN), so that a stolen key is not enough.
    """

    def __init__(self, origin: str, rp_name: str) -> None:
        host = urlsplit(origin).hostname
        if host is None:
            raise ValueError(f"not an origin: {origin}")
        self._origin, self._host, self._name = origin, host, rp_name

    def creation_options(
        self, challenge: bytes, *, person: str, label: str, known: Sequence[Passkey]
    ) -> Mapping[str, JsonValue]:
        """What the browser makes a passkey by; an authenticator that holds one of `known` makes no second one."""
        options = webauthn.generate_registration_options(
            rp_id=self._host,
            rp_name=self._name,
            user_id=hashlib.sha256(_ACCOUNT + person.encode()).digest(),
            user_name=person,
            user_display_name=label,
            challenge=challenge,
            timeout=_MILLISECONDS,
            attestation=AttestationConveyancePreference.NONE,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[_descriptor(each) for each in known],
        )
        return _plain(webauthn.options_to_json(options))

    def created(self, challenge: bytes, answer: Mapping[str, JsonValue]) -> tuple[Passkey, int]:
        """The new passkey and its counter. Raises PasskeyRefused."""
        self._own_page(answer, _CREATE, challenge)
        try:
            found = webauthn.verify_registration_response(
                credential=_bounded(answer),
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except Exception as error:  # noqa: BLE001 -- whatever it stumbles over proves nothing
            raise _refused(error) from None
        if not 0 < len(found.credential_id) <= _LONGEST_ID:
            raise PasskeyRefused("passkey-malformed")
        passkey = Passkey(
            credential_id=bytes_to_base64url(found.credential_id),
            public_key=bytes_to_base64url(found.credential_public_key),
            transports=_transports(answer),
            backed_up=found.credential_backed_up,
            aaguid=found.aaguid,
        )
        return passkey, found.sign_count

    def request_options(self, challenge: bytes, *, known: Sequence[Passkey]) -> Mapping[str, JsonValue]:
        """What the browser asks for: one of this person's passkeys, and no other. Raises PasskeyRefused where there
        is none, for an empty list would ask for any."""
        if not known:
            raise PasskeyRefused("passkey-unknown")
        options = webauthn.generate_authentication_options(
            rp_id=self._host,
            challenge=challenge,
            timeout=_MILLISECONDS,
            allow_credentials=[_descriptor(each) for each in known],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return _plain(webauthn.options_to_json(options))

    def asserted(self, challenge: bytes, passkey: Passkey, answer: Mapping[str, JsonValue]) -> Asserted:
        """Check a signature over `challenge`. Whether the counter grew is the ledger's to decide. Raises
        PasskeyRefused."""
        self._own_page(answer, _GET, challenge)
        if answer.get("id") != passkey.credential_id:
            raise PasskeyRefused("passkey-unknown")
        key = base64url_to_bytes(passkey.public_key)
        try:
            found = webauthn.verify_authentication_response(
                credential=_bounded(answer),
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=key,
                credential_current_sign_count=0,
                require_user_verification=True,
            )
            algorithm = int(decode_credential_public_key(key).alg)
        except Exception as error:  # noqa: BLE001 -- whatever it stumbles over proves nothing
            raise _refused(error) from None
        response = _response(answer)
        evidence: dict[str, JsonValue] = {
            "credential_id": passkey.credential_id,
            "public_key": passkey.public_key,
            "algorithm": algorithm,
            "rp_id": self._host,
            "origin": self._origin,
            "authenticator_data": response["authenticatorData"],
            "client_data_json": response["clientDataJSON"],
            "signature": response["signature"],
        }
        return Asserted(counter=found.new_sign_count, backed_up=found.credential_backed_up, evidence=evidence)

    def _own_page(self, answer: Mapping[str, JsonValue], kind: str, challenge: bytes) -> None:
        """What the browser says of the page: ours, not framed by another one, for this challenge."""
        said = _client_data(_response(answer).get("clientDataJSON"))
        if said.get("type") != kind:
            raise PasskeyRefused("passkey-wrong-type")
        if said.get("crossOrigin", False) is not False or "topOrigin" in said:
            raise PasskeyRefused("passkey-cross-origin")
        if said.get("origin") != self._origin:
            raise PasskeyRefused("passkey-wrong-origin")
        if said.get("challenge") != bytes_to_base64url(challenge):
            raise PasskeyRefused("passkey-wrong-challenge")


def _client_data(text: JsonValue) -> dict[str, Any]:
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise PasskeyRefused("passkey-malformed")
    try:
        padded = text + "=" * (-len(text) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_once)
    except (binascii.Error, ValueError, RecursionError):
        raise PasskeyRefused("passkey-malformed") from None
    if not isinstance(found, dict):
        raise PasskeyRefused("passkey-malformed")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two values for one key would let two readers read two things."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _response(answer: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    found = answer.get("response")
    if not isinstance(found, dict):
        raise PasskeyRefused("passkey-malformed")
    return found


def _bounded(answer: Mapping[str, JsonValue]) -> dict[str, Any]:
    """What the library needs and nothing else, each a text of a sensible length."""
    response = _response(answer)
    wanted = ("clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject")
    kept = {name: response[name] for name in wanted if response.get(name) is not None}
    found = {"id": answer.get("id"), "rawId": answer.get("rawId"), "type": answer.get("type")}
    if not all(isinstance(text, str) and len(text) <= _LONGEST for text in (*kept.values(), *found.values())):
        raise PasskeyRefused("passkey-malformed")
    return found | {"response": kept}


def _refused(error: Exception) -> PasskeyRefused:
    """The library's own words stay inside: they name what was expected. A bug in it closes the gate as well."""
    if isinstance(error, PasskeyRefused):
        return error
    if isinstance(error, WebAuthnException):
        text = str(error)
        if "not verified" in text:
            return PasskeyRefused("passkey-unverified")
        if "signature" in text:
            return PasskeyRefused("passkey-wrong-signature")
        if "RP ID" in text:
            return PasskeyRefused("passkey-wrong-origin")
    return PasskeyRefused("passkey-malformed")


def _transports(answer: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """How the browser reaches the authenticator again, as far as it is known what that means."""
    listed = _response(answer).get("transports")
    if not isinstance(listed, list):
        return ()
    return tuple(dict.fromkeys(t for t in listed if isinstance(t, str) and t in _TRANSPORTS))


def _descriptor(passkey: Passkey) -> PublicKeyCredentialDescriptor:
    transports = [_TRANSPORTS[t] for t in passkey.transports if t in _TRANSPORTS]
    return PublicKeyCredentialDescriptor(
        id=base64url_to_bytes(passkey.credential_id), transports=transports or None
    )


def _plain(text: str) -> Mapping[str, JsonValue]:
    found: dict[str, JsonValue] = json.loads(text)
    return found
