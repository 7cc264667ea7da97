"""Keeps monitors from being led to addresses that are nobody's business to read: our own network, cloud metadata."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import AF_INET, AddressFamily

from aiohttp.abc import AbstractResolver, ResolveResult

from bot.adapters.name_lookup import NameLookup

_METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"))
)
_CARRIERS = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")))
"""Networks of IPv6 whose addresses end in an IPv4 one: NAT64, and what was there before it."""
_SITE_LOCAL = ip_network("fec0::/10")  # private, though nobody says so any more


class AddressRefused(OSError):  # noqa: N818 -- it is an answer
    """The name or the literal leads to an address that this monitor may not read."""


def may_connect(address: str, *, allow_private: bool) -> bool:
    """Whether a monitor may connect to `address`, a numeric IPv4 or IPv6 address.

    Public addresses always. Private, shared and loopback ones only with `allow_private`. Link-local, metadata,
    multicast and unspecified addresses never: no health endpoint of anybody's lives there.
    """
    ip = _unwrapped(address)
    if ip in _METADATA or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    return allow_private or (ip.is_global and ip not in _SITE_LOCAL)


def _unwrapped(address: str) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one that merely carries it, so that the detour opens no door."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return ip
    if int(ip) > 1 and any(ip in carrier for carrier in _CARRIERS):  # `::` and `::1` are themselves
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def refuse_literal(host: str, *, allow_private: bool) -> None:
    """Raises AddressRefused where `host` is a numeric address that may not be read; a name passes, for the
    resolver to judge (aiohttp does not resolve literals)."""
    try:
        allowed = may_connect(host.strip("[]"), allow_private=allow_private)
    except ValueError:
        return
    if not allowed:
        raise AddressRefused("the address is not one that this monitor may read")


class GuardedResolver(AbstractResolver):
    """Resolves a name once and hands on only the addresses that may be read: what was judged is what is connected
    to, so a second answer of the name server changes nothing."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._names = NameLookup()

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        """Raises AddressRefused where no address of `host` may be read, and socket.gaierror as the system does, or as
        NameLookup does where nobody had time to ask."""
        found = await self._names.addresses(host, port, family)
        allowed = [r for r in found if may_connect(r["host"], allow_private=self._allow_private)]
        if not allowed:
            raise AddressRefused("the name leads to an address that this monitor may not read")
        return allowed

    async def close(self) -> None:
        """Waits for no look-up; those under way end by themselves."""
        self._names.close()
