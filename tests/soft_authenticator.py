"""The sandbox's pretend passkey, by the name that the tests know it under."""

from sandbox.authenticator import SoftAuthenticator, b64, unb64

__all__ = ["SoftAuthenticator", "b64", "unb64"]
