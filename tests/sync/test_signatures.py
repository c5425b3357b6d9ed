"""Is a signature worth something only if a listed key made it, over these bytes, for this purpose?"""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import SigningFailed
from sync.signatures import FIRST_BY_PROGRAM, Key, Principal, Verifier, make_key, read_signers, signing_key, timed_names
from tests.ledgers import Keys

PAYLOAD = b"tree 1\n\na commit\n"


@pytest.fixture
def verifier(keys: Keys) -> Verifier:
    """Knows anna, an admin, and n1, a node."""
    return Verifier(keys.signers(anna=("admin", "author"), n1=("node",)))


def test_a_listed_key_is_recognised_with_its_rights(verifier: Verifier, keys: Keys) -> None:
    """Name, roles and key of the line in allowed_signers."""
    found = verifier.signer(PAYLOAD, keys["anna"].sign(PAYLOAD))
    assert found == Principal(name="anna", roles=frozenset({"admin", "author"}), key=keys["anna"].public)
    node = verifier.signer(PAYLOAD, keys["n1"].sign(PAYLOAD))
    assert node is not None
    assert node.roles == {"node"}


def test_other_bytes_under_the_same_signature_count_for_nothing(verifier: Verifier, keys: Keys) -> None:
    """One flipped bit, or one added byte, and nobody signed it."""
    signature = keys["anna"].sign(PAYLOAD)
    for tampered in (PAYLOAD[:-2] + b"T\n", PAYLOAD + b"\n", b""):
        assert verifier.signer(tampered, signature) is None
    assert verifier.signer(PAYLOAD, signature) is not None


def test_a_key_that_is_not_listed_counts_for_nothing(verifier: Verifier, keys: Keys) -> None:
    """However sound its signature is."""
    assert verifier.signer(PAYLOAD, keys["eve"].sign(PAYLOAD)) is None


def test_a_key_that_was_taken_out_counts_no_more(keys: Keys) -> None:
    """The signature that was good yesterday is nobody's today."""
    signature = keys["anna"].sign(PAYLOAD)
    assert Verifier(keys.signers(anna=("admin",))).signer(PAYLOAD, signature) is not None
    assert Verifier(keys.signers(n1=("node",))).signer(PAYLOAD, signature) is None
    assert Verifier("").signer(PAYLOAD, signature) is None


def test_a_signature_made_for_something_else_counts_for_nothing(verifier: Verifier, keys: Keys, tmp_path: Path) -> None:
    """Namespace `file` (what `ssh-keygen -Y sign` is used for elsewhere) is not `git`."""
    (tmp_path / "x").write_bytes(PAYLOAD)
    words = ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", str(keys["anna"].path), str(tmp_path / "x")]
    subprocess.run(words, check=True, capture_output=True)
    assert verifier.signer(PAYLOAD, (tmp_path / "x.sig").read_text()) is None


def test_a_line_for_another_namespace_grants_nothing(keys: Keys) -> None:
    """An allowed_signers line that is meant for files does not let anybody sign commits."""
    line = f'anna,role=admin namespaces="file" {keys["anna"].public}\n'
    assert Verifier(line).signer(PAYLOAD, keys["anna"].sign(PAYLOAD)) is None


@pytest.mark.parametrize(
    "option", ['valid-before="20200101"', 'valid-before="20991231"', 'valid-after="20200101"', 'Valid-After="20200101"']
)
def test_a_line_that_counts_for_a_time_grants_nothing(keys: Keys, option: str) -> None:
    """Two machines that look at different times would not agree about it: it is named, and counts for nobody."""
    line = f'anna,role=admin namespaces="git",{option} {keys["anna"].public}\n'
    assert Verifier(line).signer(PAYLOAD, keys["anna"].sign(PAYLOAD)) is None
    assert timed_names(line + f"# {line}") == ("anna",)
    assert timed_names(f'bob,role=admin namespaces="git" {keys["anna"].public}\n') == ()


@pytest.mark.parametrize("name", ["ssh-box", "sk-1", "ecdsa-desk"])
def test_a_name_like_a_keys_type_is_a_name(keys: Keys, name: str) -> None:
    """Machines may be called so."""
    (found,) = read_signers(f'{name},role=node namespaces="git" {keys["anna"].public}\n').values()
    assert (found.name, found.roles, found.key) == (name, {"node"}, keys["anna"].public)


def test_a_listed_key_inside_a_foreign_signature_counts_for_nothing(verifier: Verifier, keys: Keys) -> None:
    """Whoever writes anna's public key into their own signature is found out."""
    mine = keys["eve"].sign(PAYLOAD)
    raw = base64.b64decode("".join(line for line in mine.splitlines() if not line.startswith("-----")))
    blobs = [base64.b64decode(keys[name].public.split()[1]) for name in ("eve", "anna")]
    forged = base64.b64encode(raw.replace(blobs[0], blobs[1])).decode()
    armoured = f"-----BEGIN SSH SIGNATURE-----\n{forged}\n-----END SSH SIGNATURE-----\n"
    assert signing_key(armoured) == keys["anna"].public
    assert verifier.signer(PAYLOAD, armoured) is None


@pytest.mark.parametrize(
    "signature",
    [None, "", "-----BEGIN PGP SIGNATURE-----\n\nwsB\n-----END PGP SIGNATURE-----", "U1NIU0lH", "ü", "=" * 9],
)
def test_what_is_no_ssh_signature_is_nobodys(verifier: Verifier, signature: str | None) -> None:
    """Unsigned, GPG, truncated, nonsense."""
    assert verifier.signer(PAYLOAD, signature) is None


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda b: base64.b64encode(b"SSHSIG" + b).decode())))
def test_reading_the_key_of_any_text_never_fails(text: str) -> None:
    """Signatures come from whoever may push."""
    found = signing_key(text)
    assert found is None or " " in found


def test_lines_are_read_as_ssh_reads_them(keys: Keys) -> None:
    """Comments, options, unknown roles and broken lines; a line without roles is a name without rights."""
    key = keys["anna"].public
    other = keys["n1"].public
    anna = f'anna,role=admin,role=king namespaces="git" {key} a comment'
    text = f"# {key}\n\n  \nbroken\nssh-ed25519\n{anna}\nbert {other}\n"
    assert read_signers(text) == {
        key: Principal(name="anna", roles=frozenset({"admin"}), key=key),
        other: Principal(name="bert", roles=frozenset(), key=other),
    }


def test_a_principals_line_reads_back(keys: Keys) -> None:
    """What `line` writes is what read_signers reads, and what git accepts."""
    principal = Principal(name="anna", roles=frozenset({"author", "admin"}), key=keys["anna"].public)
    assert read_signers(principal.line + "\n") == {principal.key: principal}
    assert Verifier(principal.line).signer(PAYLOAD, keys["anna"].sign(PAYLOAD)) == principal


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """The second call returns the first key; only its owner can read it."""
    path = tmp_path / "keys/n1"
    first = make_key(path, "n1")
    assert make_key(path, "n1").public == first.public
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_key_with_a_dot_in_its_name_is_a_key(tmp_path: Path) -> None:
    """The public half stands beside it under the same name with .pub."""
    key = make_key(tmp_path / "anna.work", "anna")
    assert Verifier(f"anna {key.public}\n").signer(PAYLOAD, key.sign(PAYLOAD)) is not None


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """No key, or one that is not a key: SigningFailed names the file."""
    for name, text in (("none", None), ("junk", "no key\n")):
        path = tmp_path / name
        if text:
            path.write_text(text)
        with pytest.raises(SigningFailed) as raised:
            Key(path).sign(PAYLOAD)
        assert name in str(raised.value)
    with pytest.raises(SigningFailed):
        _ = Key(tmp_path / "none").public


@settings(deadline=None, max_examples=20)
@given(payload=st.binary(max_size=300))
def test_our_signature_is_the_one_that_ssh_keygen_makes(
    tmp_path_factory: pytest.TempPathFactory, payload: bytes
) -> None:
    """ed25519 signatures are deterministic, so the two must be equal to the last byte."""
    import cryptography  # noqa: F401  # loaded, so that it signs from the first time on

    key = make_key(tmp_path_factory.getbasetemp() / "same" / "key", "same")
    path = tmp_path_factory.mktemp("payload") / "x"
    path.write_bytes(payload)
    words = ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(key.path), str(path)]
    subprocess.run(words, check=True, capture_output=True)
    assert key.sign(payload) == path.with_suffix(".sig").read_text(encoding="utf-8")


def test_without_the_extra_ssh_keygen_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where cryptography is not installed the signature is the same, made by ssh-keygen."""
    key = make_key(tmp_path / "key", "same")
    here = key.sign(PAYLOAD)
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert Key(key.path).sign(PAYLOAD) == here


@pytest.mark.parametrize(("signed", "loaded"), [(FIRST_BY_PROGRAM, False), (FIRST_BY_PROGRAM + 1, True)])
def test_who_signs_seldom_loads_no_library(tmp_path: Path, signed: int, loaded: bool) -> None:
    """The first signatures of a process are ssh-keygen's; from then on one is made here, and is the same."""
    key = make_key(tmp_path / "key", "same")
    script = (
        "import sys\nfrom pathlib import Path\nfrom sync.signatures import Key\n"
        f"key = Key(Path({str(key.path)!r}))\n"
        f"made = {{key.sign({PAYLOAD!r}) for _ in range({signed})}}\n"
        "print('cryptography' in sys.modules, *made)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{loaded} {key.sign(PAYLOAD)}\n"


def test_a_key_with_a_passphrase_is_refused_with_a_reason(tmp_path: Path) -> None:
    """No prompt can hang a node: the error names the key."""
    path = tmp_path / "locked"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret words", "-f", str(path)]
    subprocess.run(words, check=True, capture_output=True)
    with pytest.raises(SigningFailed, match="locked"):
        Key(path).sign(b"x")
