"""Facts about which addresses a run may be connected to."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.execution.egress import allowlist
from orchestrator.execution.egress.allowlist import HostAllowlist
from orchestrator.execution.egress.request import RequestRefused

NEAR = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1"),
    *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"),
    *("2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "::127.0.0.1", "2001:db8::1"),
)
FAR = ("1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101")


@pytest.mark.parametrize("address", NEAR)
def test_near(address: str) -> None:
    """Nothing in this machine's own surroundings is reached, however it is written, unless it is listed itself."""
    assert not HostAllowlist.of(["a.example:443"]).permits(address, 443)
    bare = f"[{address}]" if ":" in address else address
    assert HostAllowlist.of([f"{bare}:443"]).permits(address, 443)
    assert not HostAllowlist.of([f"{bare}:443"]).permits(address, 80)


@pytest.mark.parametrize("address", FAR)
def test_far(address: str) -> None:
    """The internet is."""
    assert HostAllowlist.of([]).permits(address, 443)


@given(st.ip_addresses(v=4))
def test_carried(address: IPv4Address) -> None:
    """An IPv4 address in an IPv6 one is judged as what it is."""
    plain = HostAllowlist.of([]).permits(str(address), 1)
    assert HostAllowlist.of([]).permits(f"::ffff:{address}", 1) == plain
    network = ip_network("64:ff9b::/96")
    assert HostAllowlist.of([]).permits(str(network[int(address)]), 1) == plain


def ask(listed: list[str], host: str, port: int) -> str:
    """The address that would be connected to."""
    return asyncio.run(HostAllowlist.of(listed).address(host, port))


@pytest.mark.parametrize(
    ("listed", "host", "port"),
    [
        (["a.example:443"], "a.example", 80),
        (["a.example:443"], "b.a.example", 443),
        (["a.example:443"], "example", 443),
        (["127.0.0.1:80"], "localhost", 81),
        ([], "1.1.1.1", 443),
        (["localhost:80"], "localhost", 80),
        (["127.0.0.1:80"], "127.1", 80),
        (["127.0.0.1:80"], "2130706433", 80),
    ],
)
def test_refused(listed: list[str], host: str, port: int) -> None:
    """Ports and names are exact, and a listed name that leads to loopback leads nowhere."""
    with pytest.raises(RequestRefused) as refused:
        ask(listed, host, port)
    assert refused.value.status == 403


def test_listed_address() -> None:
    """A name may lead to an address that is listed as such."""
    assert ask(["127.0.0.1:80"], "127.0.0.1", 80) == "127.0.0.1"
    assert ask(["localhost:80", "127.0.0.1:80"], "localhost", 80) == "127.0.0.1"


def test_a_name_with_two_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up once: what it says the next time plays no part."""
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])

    async def resolve(host: str, port: int) -> list[str]:
        return next(answers)

    monkeypatch.setattr(allowlist, "_resolve", resolve)
    assert ask(["two.example:443"], "two.example", 443) == "1.1.1.1"
    assert list(answers) == [["127.0.0.1"]]


def test_mixed_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several addresses, one that is near is not taken."""

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "::1", "1.1.1.1"]

    monkeypatch.setattr(allowlist, "_resolve", resolve)
    assert ask(["two.example:443"], "two.example", 443) == "1.1.1.1"


@pytest.mark.parametrize("listed", ["a.example", "a.example:x", "https://a.example", "a b:80", "*:443", ""])
def test_wrong_list(listed: str) -> None:
    """A host that is none is found when the line is opened."""
    with pytest.raises(RequestRefused):
        HostAllowlist.of([listed])
