"""Is a signature that is checked in this process judged as ssh-keygen judges it?"""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.openssh import ed25519_check
from sync.openssh.ed25519_check import holds, plain_keys
from sync.signatures import FIRST_BY_PROGRAM, Verifier
from tests.ledgers import Keys

pytest.importorskip("cryptography")
PAYLOAD = b"a node's report"
BEGIN, END = "-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n"


def by_program(signers: str, name: str, payload: bytes, signature: str, folder: Path) -> bool:
    """ssh-keygen's verdict."""
    (folder / "signers").write_text(signers)
    (folder / "sig").write_text(signature)
    words = ["ssh-keygen", "-Y", "verify", "-f", str(folder / "signers"), "-I", name, "-n", "git"]
    done = subprocess.run([*words, "-s", str(folder / "sig")], input=payload, capture_output=True, check=False)
    return done.returncode == 0


def test_what_our_keys_sign_holds(keys: Keys) -> None:
    """By the lines that we write: of the right person, over these bytes."""
    signers = keys.signers(anna=("admin",), n1=("node",))
    signature = keys["n1"].sign(PAYLOAD)
    assert holds(signers, "n1", PAYLOAD, signature)
    assert not holds(signers, "anna", PAYLOAD, signature)
    assert not holds(signers, "n1", PAYLOAD + b" ", signature)
    assert not holds(signers, "n2", PAYLOAD, signature)


LINES = [
    "{name},role=node {key}",
    '{name},role=node namespaces="git" {key} a comment',
    '{name},role=node namespaces="file" {key}',
    "{name},role=node cert-authority {key}",
    '{name},role=node valid-before="20200101" {key}',
    "{name},role=node  {key}",
    '"{name},role=node" {key}',
    "\t{name},role=node {key}",
    "n*,!{name} {key}",
    "?1 {key}",
    "# {name} {key}",
    "{name}\n{name} {key}",
    "other\n{name} {key}",
    "{name} ssh-ed25519 AAAA\n{name} {key}",
    "{name} ssh-rsa AAAA\n{name} {key}",
    "other ssh-ed25519 AAAA\n{name} {key}",
    "\n\n# é\n{name} {key}",
    "# plain\n\n{name} {key}\r\n",
    "{name},{name} {key}\n{name} {key}",
    "{upper} {key}",
]


@pytest.mark.parametrize("line", LINES)
def test_a_yes_is_never_one_that_the_program_would_not_say(line: str, keys: Keys, tmp_path: Path) -> None:
    """Options, patterns, quotes, broken lines above: where the line is odd it is left to ssh-keygen."""
    signature = keys["n1"].sign(PAYLOAD)
    signers = line.format(name="n1", upper="N1", key=keys["n1"].public) + "\n"
    if holds(signers, "n1", PAYLOAD, signature):
        assert by_program(signers, "n1", PAYLOAD, signature, tmp_path)


def test_most_fleets_are_plain(keys: Keys) -> None:
    """Beside a person's key of another kind, comments and empty lines the nodes' keys are known; that person's not."""
    signers = f"# the fleet\n\nann ssh-rsa AAAAB3Nz ann@desk\n{keys.signers(n1=('node',))}"
    assert set(plain_keys(signers)) == {"n1", "role=node"}
    assert plain_keys(signers + "ann ssh-rsa\n")["n1"]
    assert plain_keys(signers + "ann\n") == {}


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_no_changed_byte_holds(place: int, flip: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Anywhere in the signature."""
    keys = KEYS.setdefault("keys", Keys(folder=tmp_path_factory.mktemp("keys")))
    signers, signature = keys.signers(n1=("node",)), keys["n1"].sign(PAYLOAD)
    raw = bytearray(base64.b64decode("".join(signature.splitlines()[1:-1])))
    raw[place % len(raw)] ^= flip
    text = base64.b64encode(bytes(raw)).decode()
    lines = "".join(text[at : at + 70] + "\n" for at in range(0, len(text), 70))
    assert not holds(signers, "n1", PAYLOAD, BEGIN + lines + END)
    assert holds(signers, "n1", PAYLOAD, signature)


KEYS: dict[str, Keys] = {}


@pytest.mark.parametrize("change", ["tail", "twice", "before", "namespace", "unarmoured", "empty", "padding"])
def test_what_is_not_whole_and_plain_is_left_to_the_program(change: str, keys: Keys, tmp_path: Path) -> None:
    """More bytes behind it, another one behind it, another purpose, no armour."""
    signers, signature = keys.signers(n1=("node",)), keys["n1"].sign(PAYLOAD)
    raw = base64.b64decode("".join(signature.splitlines()[1:-1]))
    odd = {
        "tail": f"{BEGIN}{base64.b64encode(raw + b'x').decode()}\n{END}",
        "twice": signature + signature,
        "before": "x\n" + signature,
        "namespace": f"{BEGIN}{base64.b64encode(raw.replace(b'git', b'gif')).decode()}\n{END}",
        "unarmoured": base64.b64encode(raw).decode(),
        "empty": BEGIN + END,
        "padding": signature.replace(END, "=\n" + END),
    }[change]
    assert not holds(signers, "n1", PAYLOAD, odd)
    assert Verifier(signers).signer(PAYLOAD, odd) is None or by_program(signers, "n1", PAYLOAD, odd, tmp_path)


def test_only_who_checks_often_loads_the_library(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first few are ssh-keygen's, and all of them where nobody said that there will be many."""
    signers = keys.signers(n1=("node",))
    signed = [(b"%d" % number, keys["n1"].sign(b"%d" % number)) for number in range(FIRST_BY_PROGRAM + 2)]
    asked: list[bytes] = []
    real = ed25519_check.holds

    def noted(text: str, name: str, payload: bytes, signature: str) -> bool:
        asked.append(payload)
        return real(text, name, payload, signature)

    monkeypatch.setattr(ed25519_check, "holds", noted)
    monkeypatch.delitem(sys.modules, ed25519_check.LIBRARY)
    seldom, often = Verifier(signers), Verifier(signers, often=True)
    assert all(seldom.signer(*each) for each in signed)
    assert asked == []
    monkeypatch.setattr(ed25519_check, "LIBRARY", "a library that nobody loads")
    assert all(often.signer(*each) for each in signed)
    assert asked == [payload for payload, _ in signed[FIRST_BY_PROGRAM:]]


def test_without_the_library_the_program_judges(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain install: the verdicts are the same."""
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    often = Verifier(keys.signers(n1=("node",)), often=True)
    for number in range(FIRST_BY_PROGRAM + 2):
        payload = b"%d" % number
        assert often.signer(payload, keys["n1"].sign(payload)) is not None
        assert often.signer(payload + b" ", keys["n1"].sign(payload)) is None
