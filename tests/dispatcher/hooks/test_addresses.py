"""A webhook reaches public addresses only, whatever its host resolves to and whenever."""

from collections.abc import Sequence

import pytest
import trio

from dispatcher.hooks.addresses import RefusedAddressError, addresses_of, is_public


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "1.1.1.1"]
)
def test_public_addresses_are_reached(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "2002:c0a8:101::1",
    ],
)  # fmt: skip
def test_no_other_address_is_reached(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("found", [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"]])
def test_one_private_address_is_enough_to_refuse_a_host_unless_that_is_allowed(found: Sequence[str]) -> None:
    asked = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return found

    async def look() -> None:
        with pytest.raises(RefusedAddressError, match="not a public address"):
            await addresses_of("receiver.example", 443, allow_private=False, resolve=resolve)
        allowed = await addresses_of("receiver.example", 443, allow_private=True, resolve=resolve)
        assert allowed == found

    trio.run(look)
    assert asked == [("receiver.example", 443)] * 2
