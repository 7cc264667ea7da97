"""What we are to the identity provider: the authorization request, and how our client proves to be itself."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode

from pydantic import SecretStr

from bot.adapters.oidc_discovery import ClientAuth
from bot.policy import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Our registration at the provider."""

    id: str
    secret: SecretStr | None
    redirect_uri: str

    def authenticated(
        self, form: Mapping[str, str], how: ClientAuth
    ) -> tuple[dict[str, str], dict[str, str]]:
        """The form and the headers for the token endpoint. A public client only names itself; PKCE protects it."""
        if self.secret is None:
            return {**form, "client_id": self.id}, {}
        secret = self.secret.get_secret_value()
        if how == "client_secret_post":
            return {**form, "client_id": self.id, "client_secret": secret}, {}
        # RFC 6749 §2.3.1: each half is form-encoded before both are joined.
        pair = f"{quote_plus(self.id)}:{quote_plus(secret)}"
        return dict(form), {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def authorization_url(
    endpoint: str,
    client: Client,
    login: Login,
    *,
    state: str,
    nonce: str,
    code_challenge: str,
    offline: bool,
    consent: bool,
) -> str:
    """The address that the browser is sent to. It asks for a fresh login with a second factor, and expects nothing."""
    asked = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": client.redirect_uri,
        "scope": "openid profile offline_access" if offline else "openid profile",
        "state": state,
        "nonce": nonce,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256",
        "prompt": "login consent" if consent else "login",
        "max_age": "0",
    }
    if login.acr:
        asked["acr_values"] = login.acr[0]
    if login.acrs:
        contexts = {"value": login.acrs[0]} if len(login.acrs) == 1 else {"values": list(login.acrs)}
        asked["claims"] = json.dumps({"id_token": {"acrs": {"essential": True, **contexts}}})
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def challenge_of(verifier: str) -> str:
    """PKCE's S256 of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
