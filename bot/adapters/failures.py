"""Names a failed exchange by one short code, so that no upstream text reaches a message or a log (promise 8)."""

import errno
import socket
import ssl

import aiohttp

from bot.adapters.address_guard import AddressRefused

_OUR_NETWORK = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})


def code_of(error: BaseException) -> str:
    """`timeout`, `refused`, `dns`, `dns-unavailable`, `tls`, `address-refused`, `no-route` (our own
    network is down), `unreachable`, `disconnected`, `malformed-response` or `bad-url`."""
    if isinstance(error, AddressRefused) or isinstance(_cause(error), AddressRefused):
        return "address-refused"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.InvalidURL):
        return "bad-url"
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return _dns(_cause(error))
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "tls"
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError | ValueError):
        return "malformed-response"
    if isinstance(error, OSError):
        return _os(_cause(error))
    return "disconnected"


def _cause(error: BaseException) -> BaseException:
    """aiohttp keeps the operating system's error inside its own."""
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error


def _dns(error: BaseException) -> str:
    """A resolver that cannot be asked is our blindness; a name that does not exist is the other side's fault."""
    temporary = isinstance(error, OSError) and error.errno == socket.EAI_AGAIN
    return "dns-unavailable" if temporary else "dns"


def _os(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, OSError) and error.errno in _OUR_NETWORK:
        return "no-route"
    if isinstance(error, OSError) and error.errno == errno.EHOSTUNREACH:
        return "unreachable"
    return "disconnected"
