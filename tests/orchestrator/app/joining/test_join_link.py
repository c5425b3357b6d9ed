"""Is a link to join a fleet read as it was given, never repeated where it is wrong, and bound to one key?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.app.joining.join_link import JoinLink, is_link, key_mark, proof_payload, read_link
from orchestrator.core.errors import WrongSetting

TOKEN = "sbk_" + "x" * 32
LEDGER = "https://hq.example/git/fleet.git"


def test_a_link_is_read_as_it_was_given() -> None:
    """With what a paste brings around it."""
    link = read_link(f"  {LEDGER}#{TOKEN}\n")
    assert (link.ledger, link.token) == (LEDGER, TOKEN)
    assert link.text == f"{LEDGER}#{TOKEN}"
    assert link.server == "https://hq.example"
    assert TOKEN not in repr(link)


@given(
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z]{1,12}(\.[a-z]{2,5})?(:[1-9][0-9]{0,3})?", fullmatch=True),
    st.from_regex(r"(/[a-zA-Z0-9._-]{1,10}){0,3}", fullmatch=True),
    st.from_regex(r"sbk_[A-Za-z0-9_-]{20,200}", fullmatch=True),
)
def test_every_link_reads_back(scheme: str, host: str, path: str, token: str) -> None:
    """Whatever the server, the path and the token."""
    link = JoinLink(ledger=f"{scheme}://{host}{path}", token=token)
    assert read_link(link.text) == link
    assert is_link(link.text)
    assert link.server == f"{scheme}://{host}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        LEDGER,
        f"{LEDGER}#",
        f"{LEDGER}#sbk_short",
        f"{LEDGER}#{TOKEN} more",
        f"{LEDGER}#other_{'x' * 32}",
        f"{LEDGER}#{TOKEN}#{TOKEN}",
        f"{LEDGER}#sbk_{'x' * 201}",
        f"ssh://hq.example/fleet.git#{TOKEN}",
        f"https://#{TOKEN}"[:8] + f"#{TOKEN}",
        f"https://ada:secret@hq.example/fleet.git#{TOKEN}",
        f"https://ada@hq.example/fleet.git#{TOKEN}",
        f"{LEDGER}#{TOKEN}é",
    ],
)
def test_what_is_no_whole_link_is_refused_and_not_repeated(text: str) -> None:
    """A token that was cut off is one still: no message holds it."""
    with pytest.raises(WrongSetting) as caught:
        read_link(text)
    said = str(caught.value)
    assert caught.value.name == "LINK"
    assert not [word for word in ("x" * 8, "secret", "ada") if word in said]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (f"{LEDGER}#{TOKEN}", True),
        (f" {LEDGER}#", True),
        ("http://x#y", True),
        (LEDGER, False),
        ("git@hq.example:fleet.git", False),
        ("/srv/fleet.git#x", False),
        ("", False),
    ],
)
def test_whether_a_link_was_meant(text: str, meant: bool) -> None:
    """A URL with something behind a `#` was, whole or not; a ledger's own URL was not."""
    assert is_link(text) is meant


@pytest.mark.parametrize(
    ("server", "clear"),
    [
        ("https://hq.example", False),
        ("http://hq.example", True),
        ("http://192.168.1.7:8484", True),
        ("http://localhost:8484", False),
        ("http://127.0.0.1", False),
        ("http://[::1]:8484", False),
        ("http://localhost.example", True),
    ],
)
def test_whether_the_line_shows_the_token(server: str, clear: bool) -> None:
    """Plain HTTP does, but within this machine."""
    assert JoinLink(ledger=f"{server}/git/fleet.git", token=TOKEN).in_clear is clear


def test_what_is_signed_names_the_link_and_the_key() -> None:
    """So that a proof is none for another link, and none of another key."""
    proofs = {
        proof_payload(digest, key) for digest in ("a" * 64, "b" * 64) for key in ("ssh-ed25519 A", "ssh-ed25519 B")
    }
    assert len(proofs) == 4
    assert all(proof.startswith(b"shiftbook join\n") for proof in proofs)
    assert key_mark("ssh-ed25519 A") == key_mark("ssh-ed25519 A") != key_mark("ssh-ed25519 B")
    assert len(key_mark("")) == 64
