"""Is a model server that does not answer told at once, and its password never?"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from orchestrator.adapters.models.server_probe import (
    CONNECT_SECONDS,
    FAR_CONNECT_SECONDS,
    connect_timeout,
    is_nearby,
    probe_url,
    shown_url,
)
from orchestrator.core.errors import ModelUnavailable
from tests.servers import free_port


@pytest.fixture
def listening() -> Iterator[int]:
    """A port where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_who_listens_is_there(listening: int) -> None:
    """Nothing is said; the connection is hung up."""
    probe_url(f"http://127.0.0.1:{listening}/v1", "start it")
    probe_url(f"http://me:sesame@localhost:{listening}", "start it")


def test_who_does_not_listen_is_said_with_what_to_do() -> None:
    """The address without its password."""
    url = f"http://me:sesame@127.0.0.1:{free_port()}/v1"
    with pytest.raises(ModelUnavailable, match=r"does not answer .*: start it") as caught:
        probe_url(url, "start it")
    assert "sesame" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("url", ["", "127.0.0.1:1", "ftp://x", "http://x:99999", "http://x:y", "http://[::1"])
def test_what_is_no_address_is_said(url: str) -> None:
    """Before anything is connected to."""
    with pytest.raises(ModelUnavailable, match="is not an http or https address: set it"):
        probe_url(url, "set it")


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:1", True),
        ("http://[::1]:1", True),
        ("http://192.168.1.2", True),
        ("http://10.0.0.2/v1", True),
        ("http://[fd00::1]", True),
        ("http://box", True),
        ("http://localhost", True),
        ("http://box.local", True),
        ("http://me.localhost", True),
        ("https://api.example", False),
        ("https://box.local.example", False),
    ],
)
def test_how_near_a_server_is(url: str, near: bool) -> None:
    """One in the house answers at once or is down; one far away is given longer."""
    assert is_nearby(url) is near
    assert connect_timeout(url) == (CONNECT_SECONDS if near else FAR_CONNECT_SECONDS)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://box:1234/v1/", "http://box:1234/v1"),
        ("http://me:sesame@box", "http://box"),
        ("http://me@box:1", "http://box:1"),
        ("https://[::1]:8/x", "https://[::1]:8/x"),
        ("https://box/v1?key=sesame#sesame", "https://box/v1"),
    ],
)
def test_an_address_is_shown_without_what_is_secret(url: str, shown: str) -> None:
    """Names, passwords, queries."""
    assert shown_url(url) == shown
