"""Are the addresses that one node passes on of another that node's own word, whoever wrote or changed the page?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mobile_bridge.announced_addresses import read_addresses, sign_addresses

from orchestrator.app.devices.fleet_addresses import addresses_line, believed
from orchestrator.app.devices.own_addresses import node_urls, page_url
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from tests.ledgers import Keys

URLS = ("http://192.168.7.5:8823", "http://[fd00::5]:8823", "https://vps.example")
FINGERPRINT = "f" * 43


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(folder=tmp_path / "keys")


def line(keys: Keys, by: str, node: str = "vps", urls: tuple[str, ...] = URLS) -> str:
    """The line of a node's page, signed by somebody."""
    said = sign_addresses(node, FINGERPRINT, urls, keys[by].sign)
    assert said is not None
    return said.line


def found(keys: Keys, *pages: tuple[str, str], own: str = "desk") -> list[tuple[str, tuple[str, ...]]]:
    """What a node of a fleet with the nodes vps and pi, and with the author eve, passes on of these pages."""
    signers = keys.signers(vps=["node"], pi=["node"], eve=["author"])
    return [(one.node, one.urls) for one in believed(pages, signers=signers, own=own)]


def test_a_nodes_own_word_is_passed_on(keys: Keys) -> None:
    """With every address, the nearest first; this node's own page is not among it."""
    assert found(keys, ("vps", line(keys, "vps"))) == [("vps", URLS)]
    assert found(keys, ("vps", line(keys, "vps")), own="vps") == []


def test_nobody_speaks_for_another_node(keys: Keys) -> None:
    """Signed by another node, by a person, by a stranger, copied from another node's page: it is no word of vps."""
    for by in ("pi", "eve", "stranger"):
        assert found(keys, ("vps", line(keys, by))) == []
    assert found(keys, ("vps", line(keys, "pi", node="pi"))) == []


def test_a_changed_line_is_not_believed(keys: Keys) -> None:
    """An address more, less, in another order, another key: the signature is over all of it."""
    good = line(keys, "vps")
    fingerprint, one, two, three, signature = good.split(" ")
    for words in (
        [fingerprint, "http://6.6.6.6:8823", one, two, three, signature],
        [fingerprint, one, two, signature],
        [fingerprint, two, one, three, signature],
        ["g" * 43, one, two, three, signature],
        [fingerprint, one, two, three, signature[:-4] + "AAAA"],
    ):
        assert found(keys, ("vps", " ".join(words))) == []
    assert found(keys, ("vps", good)) == [("vps", URLS)]


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "x",
        f"{FINGERPRINT} http://a",
        f"{FINGERPRINT} javascript:alert(1) s",
        f"{FINGERPRINT} http://a/x s",
        f"{FINGERPRINT} {' '.join(f'http://a{n}' for n in range(9))} s",
        f"{FINGERPRINT} http://{'a' * 3000} s",
    ],
)
def test_what_is_no_such_line_is_nothing(odd: str) -> None:
    """Whoever writes a page may be hostile."""
    assert read_addresses("vps", odd) is None


def test_what_cannot_be_called_is_not_announced(keys: Keys) -> None:
    """Addresses with more than a host and a port are left out; without any there is no line."""
    said = sign_addresses("vps", FINGERPRINT, ["https://a.example/under", "http://b:1"], keys["vps"].sign)
    assert said is not None
    assert said.urls == ("http://b:1",)
    assert sign_addresses("vps", FINGERPRINT, ["file:///etc"], keys["vps"].sign) is None


def test_a_node_with_tls_is_opened_by_its_name(tmp_path: Path) -> None:
    """A browser runs the page where it came over TLS: there the code leads, unless a proxy's address is known."""
    wanted = settings(tmp_path, https="0.0.0.0:8824")
    assert page_url(wanted).startswith("https://")
    assert page_url(wanted).endswith(":8824")
    assert page_url(wanted) in node_urls(wanted)
    assert node_urls(wanted)[0] == "http://127.0.0.1:8823"
    assert page_url(settings(tmp_path, https="0.0.0.0:8824", public_url="https://hq.example")) == "https://hq.example"
    assert page_url(settings(tmp_path)) == "http://127.0.0.1:8823"


def settings(home: Path, **more: Any) -> Settings:
    given: dict[str, Any] = {"http": "127.0.0.1:8823"} | more
    return Settings(home=home, node_id="vps", role=Role.HEADQUARTERS, **given)


def test_a_node_signs_where_it_is_once(tmp_path: Path) -> None:
    """The same words each time, so that its page is no new commit; nothing where it meets no devices, or is not to."""
    from orchestrator.app import identity

    wanted = settings(tmp_path, device_sync=True, public_url="https://vps.example")
    ask = addresses_line(wanted)
    said = read_addresses("vps", ask())
    assert said is not None
    assert said.urls == ("https://vps.example",)
    assert ask() == ask()
    signers = f'vps,role=node namespaces="git" {identity.node_key(wanted).public}\n'
    assert [one.node for one in believed([("vps", ask())], signers=signers, own="desk")] == ["vps"]
    assert addresses_line(settings(tmp_path, public_url="https://vps.example"))() == ""
    assert addresses_line(settings(tmp_path, announce=True, public_url="https://vps.example"))() == ask()
    assert addresses_line(settings(tmp_path, device_sync=True, announce=False, public_url="https://v.example"))() == ""
    assert addresses_line(settings(tmp_path, device_sync=True))() == "", "its own loopback leads nobody here"
