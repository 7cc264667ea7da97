import socket

import pytest

from bot.adapters.address_guard import AddressRefused, GuardedResolver, may_connect, refuse_literal


@pytest.mark.parametrize(
    ("address", "by_default", "when_allowed"),
    [
        ("93.184.216.34", True, True),
        ("2606:4700::1111", True, True),
        ("10.0.0.1", False, True),
        ("172.16.3.4", False, True),
        ("192.168.1.1", False, True),
        ("100.64.0.1", False, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("fd12:3456::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("64:ff9b::10.0.0.1", False, True),
        ("2002:0a00:0001::1", False, True),
        ("64:ff9b:1::10.0.0.1", False, True),
        ("::10.0.0.1", False, True),
        ("::ffff:0:10.0.0.1", False, True),
        ("fec0::1", False, True),
        ("::169.254.169.254", False, False),
        ("::ffff:0:169.254.169.254", False, False),
        ("169.254.169.254", False, False),
        ("169.254.1.1", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::169.254.169.254", False, False),
        ("2002:a9fe:a9fe::1", False, False),
        ("fe80::1", False, False),
        ("fe80::1%eth0", False, False),
        ("fd00:ec2::254", False, False),
        ("100.100.100.200", False, False),
        ("168.63.129.16", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
    ],
)
def test_only_public_addresses_are_read_unless_the_policy_allows_private_ones(
    address: str, by_default: bool, when_allowed: bool
) -> None:
    assert may_connect(address, allow_private=False) is by_default
    assert may_connect(address, allow_private=True) is when_allowed


def test_a_literal_address_is_judged_and_a_name_is_left_to_the_resolver() -> None:
    for literal in ("127.0.0.1", "[::1]", "::1"):
        with pytest.raises(AddressRefused):
            refuse_literal(literal, allow_private=False)
        refuse_literal(literal, allow_private=True)
    refuse_literal("checkout.acme.example", allow_private=False)


async def test_a_name_that_leads_home_is_refused() -> None:
    resolver = GuardedResolver(allow_private=False)

    with pytest.raises(AddressRefused):
        await resolver.resolve("localhost", 80, socket.AF_UNSPEC)
    await resolver.close()


async def test_a_name_that_leads_home_is_resolved_where_private_is_allowed() -> None:
    resolver = GuardedResolver(allow_private=True)

    found = await resolver.resolve("localhost", 8080, socket.AF_UNSPEC)

    assert {(r["host"], r["port"]) for r in found} <= {("127.0.0.1", 8080), ("::1", 8080)}
    assert found
    await resolver.close()


async def test_of_several_addresses_only_the_allowed_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = GuardedResolver(allow_private=False)
    answers = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 80)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)

    found = await resolver.resolve("two-faced.example", 80)

    assert [r["host"] for r in found] == ["93.184.216.34"]
    await resolver.close()
