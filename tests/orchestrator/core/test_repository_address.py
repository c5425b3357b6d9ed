"""Is a password or a token in an address seen, in whichever place it stands, and a plain address left alone?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.core.repository_address import clone_folder, holds_credential, without_credentials

TOKEN = "ghp_0123456789abcdefghij"


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("https://ada:word@hq.example/x.git", "https://hq.example/x.git"),
        ("HTTPS://:word@hq.example/x.git", "HTTPS://hq.example/x.git"),
        ("https://ada:wo/rd@hq.example/x.git", "https://hq.example/x.git"),
        ("https://ada:w@rd@hq.example/x.git", "https://hq.example/x.git"),
        (f"https://{TOKEN}@hq.example/x.git", "https://hq.example/x.git"),
        (f"https://{TOKEN}@hq.example", "https://hq.example"),
        (f"https://{TOKEN.replace('_', '%5F')}@hq.example/x", "https://hq.example/x"),
        ("https://ada@hq.example/x.git", "https://hq.example/x.git"),
        ("ssh://git:word@hq.example/x.git", "ssh://git@hq.example/x.git"),
    ],
)
def test_credentials(address: str, plain: str) -> None:
    """Each is seen, and what is left reaches the same repository."""
    assert holds_credential(address)
    assert without_credentials(address) == plain
    assert not holds_credential(plain)


@pytest.mark.parametrize("option", ["private_token=x", "a=b&access_token=x", "api_key=x", "Password=x"])
def test_options(option: str) -> None:
    """So is one behind the question mark."""
    assert holds_credential(f"https://hq.example/x.git?{option}")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/srv/ledger.git",
        "C:\\srv\\ledger.git",
        "git@hq.example:ada/x.git",
        "ssh://git@hq.example:22/x.git",
        f"ssh://{'long-name-of-a-user' * 2}@hq.example/x.git",
        "https://hq.example:8443/a@b/x.git",
        "http://[::1]:8823/a@b.git",
        "https://hq.example/x.git?ref=main",
        "file:///srv/x.git",
    ],
)
def test_plain_addresses(address: str) -> None:
    """They hold none and stay as they are."""
    assert not holds_credential(address)
    assert without_credentials(address) == address


@pytest.mark.parametrize(
    ("address", "folder"),
    [
        ("https://hq.example/git/fleet.git", "fleet"),
        ("git@hq.example:fleet.git/", "fleet"),
        ("/srv/fleet", "fleet"),
        ("https://hq.example/git/..", "ledger"),
        ("https://hq.example/...git", "ledger"),
        ("https://hq.example/git/..\\..\\x", "ledger"),
        ("https://hq.example/~", "ledger"),
        ("https://hq.example/--x", "ledger"),
        ("", "ledger"),
    ],
)
def test_where_a_clone_goes(address: str, folder: str) -> None:
    """Below the working folder, whatever the address that somebody sent ends in."""
    assert clone_folder(address) == Path(folder)
