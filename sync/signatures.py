"""Who signed this, and what may they do?

SSH signatures, exactly as `git commit -S` with gpg.format=ssh makes them; ssh-keygen checks them, or `ed25519_check`
says yes where that would. Principals and their
rights stand in the ledger's `allowed_signers` (format: ssh-keygen(1), ALLOWED SIGNERS). A right is one more principal
on the same line: `role=admin`, `role=author` or `role=node`.
"""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from sync import files
from sync.errors import SigningFailed
from sync.openssh import ed25519_check
from sync.process import own_session

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROLES = frozenset({"admin", "author", "node"})
NAMESPACE = "git"
MAX_KNOWN_SIGNATURES = 10_000
"""Signatures by listed keys of which it is remembered whether they hold."""
TIMED = re.compile(r"\bvalid-(?:after|before)=", re.IGNORECASE)

FIRST_BY_PROGRAM = 4
"""Signatures by ssh-keygen before the library is loaded: that takes as long as about ten of them, and 8 MiB."""


@dataclass(frozen=True, kw_only=True)
class Principal:
    """One line of `allowed_signers`."""

    name: str
    roles: frozenset[str]
    key: str
    """Key type and base64 key, as in a .pub file without its comment."""

    @property
    def line(self) -> str:
        """The line in `allowed_signers`."""
        rights = ",".join([self.name, *(f"role={role}" for role in sorted(self.roles))])
        return f'{rights} namespaces="{NAMESPACE}" {self.key}'


def read_signers(text: str) -> dict[str, Principal]:
    """Principals by key. Lines that cannot be read, and roles that do not exist, grant nothing.

    Nor does a line that counts only for a time: of two machines that look at different times one would follow what
    the other does not, for ever.
    """
    found: dict[str, Principal] = {}
    for line in text.splitlines():
        words = line.split()
        at = _key_place(words)
        if line.startswith("#") or not at or at + 1 >= len(words) or _is_timed(words):
            continue
        names = words[0].split(",")
        roles = frozenset(name.removeprefix("role=") for name in names if name.startswith("role=")) & ROLES
        key = f"{words[at]} {words[at + 1]}"
        found[key] = Principal(name=names[0], roles=roles, key=key)
    return found


def timed_names(text: str) -> tuple[str, ...]:
    """Whose lines grant nothing because they count only for a time."""
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return tuple(words[0].split(",")[0] for words in lines if _is_timed(words))


def _is_timed(words: list[str]) -> bool:
    return TIMED.search(" ".join(words[1 : _key_place(words)])) is not None


def _key_place(words: list[str]) -> int:
    """Which word is the key's type; 0 for none. The first is names, whatever they are."""
    return next((i for i, word in enumerate(words) if i and word.startswith(("ssh-", "ecdsa-", "sk-"))), 0)


def signing_key(signature: str) -> str | None:
    """The public key inside an armoured SSH signature (PROTOCOL.sshsig: MAGIC, version, string publickey, …)."""
    body = "".join(line for line in signature.splitlines() if line and not line.startswith("-----"))
    try:
        raw = base64.b64decode(body, validate=True)
    except ValueError:  # not base64, or not even ASCII
        return None
    if raw[:6] != b"SSHSIG" or len(raw) < 14:
        return None
    length = int.from_bytes(raw[10:14], "big")
    blob = raw[14 : 14 + length]
    kind_length = int.from_bytes(blob[:4], "big")
    kind = blob[4 : 4 + kind_length].decode("ascii", "replace")
    return f"{kind} {base64.b64encode(blob).decode()}"


class Verifier:
    """Checks signatures against one version of `allowed_signers`. Remembers what it has checked.

    With `often` many different ones are to be checked: after FIRST_BY_PROGRAM the library is loaded for that. Without
    it is used where it is loaded anyway.
    """

    def __init__(self, allowed_signers: str, *, often: bool = False) -> None:
        self.text = allowed_signers
        self._often, self._checked = often, count()
        self.principals: Mapping[str, Principal] = read_signers(allowed_signers)
        self._known: dict[bytes, bool] = {}

    def signer(self, payload: bytes, signature: str | None) -> Principal | None:
        """The principal whose key made this signature over this payload; None when nobody listed did."""
        if signature is None:
            return None
        principal = self.principals.get(signing_key(signature) or "")
        if principal is None:
            return None
        what = hashlib.sha256(payload + b"\0" + signature.encode("utf-8", "surrogateescape")).digest()
        known = self._known.get(what)
        if known is None:
            known = self._check(principal, payload, signature)
            if len(self._known) >= MAX_KNOWN_SIGNATURES:
                self._known.clear()
            self._known[what] = known
        return principal if known else None

    def _check(self, principal: Principal, payload: bytes, signature: str) -> bool:
        return self._holds_plainly(principal, payload, signature) or self._by_ssh_keygen(principal, payload, signature)

    def _holds_plainly(self, principal: Principal, payload: bytes, signature: str) -> bool:
        many = self._often and next(self._checked) >= FIRST_BY_PROGRAM
        if not many and ed25519_check.LIBRARY not in sys.modules:
            return False
        try:
            return ed25519_check.holds(self.text, principal.name, payload, signature)
        except ImportError:
            return False

    def _by_ssh_keygen(self, principal: Principal, payload: bytes, signature: str) -> bool:
        with tempfile.TemporaryDirectory(prefix="shiftbook-") as folder:
            signers, sig = Path(folder, "signers"), Path(folder, "sig")
            signers.write_bytes(self.text.encode("utf-8", "surrogateescape"))  # a comment may be in any encoding
            sig.write_text(signature.strip() + "\n", encoding="utf-8")
            words = ["-Y", "verify", "-f", str(signers), "-I", principal.name, "-n", NAMESPACE, "-s", str(sig)]
            return _ssh_keygen(words, payload).returncode == 0


@dataclass(frozen=True)
class Key:
    """A private key on this machine's disk."""

    path: Path
    _made: Iterator[int] = field(default_factory=count, compare=False, repr=False)
    """Counts its signatures."""

    @property
    def public(self) -> str:
        """Key type and base64 key, without the comment. Raises SigningFailed."""
        try:
            words = self.path.with_name(f"{self.path.name}.pub").read_text(encoding="utf-8").split()
        except OSError as error:
            raise SigningFailed(str(self.path), "the key's .pub file cannot be read") from error
        return " ".join(words[:2])

    def sign(self, payload: bytes) -> str:
        """The armoured signature over `payload`. Raises SigningFailed.

        With an ed25519 key without a passphrase, which is what `init` makes, it is made here: a node signs several
        times for each mission, and starting ssh-keygen takes longer than the rest of a claim that is not git's. Other
        keys, and every key where the extra `fast` is not installed, are ssh-keygen's. So are the first FIRST_BY_PROGRAM
        signatures: a command that signs once, and a node that has nothing to do, load no library for it.
        """
        first = next(self._made) < FIRST_BY_PROGRAM and ed25519_check.LIBRARY not in sys.modules
        key = None if first else self._ed25519
        return self._by_ssh_keygen(payload) if key is None else _armour(key, payload)

    @cached_property
    def _ed25519(self) -> Ed25519PrivateKey | None:
        try:
            from cryptography.exceptions import UnsupportedAlgorithm
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
            from cryptography.hazmat.primitives.serialization import load_ssh_private_key
        except ImportError:
            return None
        try:
            key = load_ssh_private_key(self.path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
            return None
        return key if isinstance(key, Ed25519PrivateKey) else None

    def _by_ssh_keygen(self, payload: bytes) -> str:
        done = _ssh_keygen(["-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(self.path)], payload)
        if done.returncode != 0:
            raise SigningFailed(str(self.path), done.stderr.decode("utf-8", "replace").strip())
        return done.stdout.decode()


def _armour(key: Ed25519PrivateKey, payload: bytes) -> str:
    """What `ssh-keygen -Y sign -n git` prints for this key (OpenSSH's PROTOCOL.sshsig, version 1, SHA-512)."""

    def string(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    scope = string(NAMESPACE.encode()) + string(b"") + string(b"sha512")
    made = key.sign(b"SSHSIG" + scope + string(hashlib.sha512(payload).digest()))
    kind = string(b"ssh-ed25519")
    public, signature = string(kind + string(key.public_key().public_bytes_raw())), string(kind + string(made))
    blob = b"SSHSIG" + (1).to_bytes(4, "big") + public + scope + signature
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def make_key(path: Path, comment: str) -> Key:
    """The ed25519 key at `path`, made without a passphrase if it is not there yet. Raises SigningFailed."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    public = path.with_name(f"{path.name}.pub")
    if path.exists():
        if not public.exists():
            files.replace(public, _checked(path, ["-y", "-P", "", "-f", str(path)]))
        return Key(path)
    with tempfile.TemporaryDirectory(prefix=".shiftbook-", dir=path.parent) as folder:  # whole, or not there
        made = Path(folder, path.name)
        _checked(path, ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(made)])
        files.move_into_place(made.with_name(public.name), public)
        files.move_into_place(made, path)
    return Key(path)


def _checked(path: Path, words: list[str]) -> bytes:
    done = _ssh_keygen(words, b"")
    if done.returncode != 0:
        raise SigningFailed(str(path), done.stderr.decode("utf-8", "replace").strip())
    return done.stdout


def _ssh_keygen(words: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return own_session.run(["ssh-keygen", *words], stdin=data, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SigningFailed("ssh-keygen", f"{error}: install openssh-client") from error
