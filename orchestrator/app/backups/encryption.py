"""For whose eyes is a backup? Encrypted with age to those who are named, and opened with the key of one of them.

By pyrage: the format is an open one (age-encryption.org/v1), so that the `age` program opens a backup without this one;
it authenticates what it encrypts, in pieces, and takes ssh keys that people have already. `openssl enc` does neither,
and a passphrase would have to lie beside the timer that makes the backup each night.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import WrongSetting
from orchestrator.core.own_installation import extra_command
from sync import files

if TYPE_CHECKING:
    import pyrage

SUFFIX = ".age"
HEADER = b"age-encryption.org/v1\n"
MAX_IDENTITY_BYTES = 64 * 1024


def is_encrypted(file: Path) -> bool:
    """Whether a file begins like one that age made."""
    with file.open("rb") as opened:
        return opened.read(len(HEADER)) == HEADER


def read_recipients(words: Sequence[str]) -> list[pyrage.x25519.Recipient | pyrage.ssh.Recipient]:
    """Whom the words name: `age1…` or `ssh-ed25519 …`. Raises WrongSetting."""
    rage = _library()
    return [_recipient(rage, word.strip()) for word in words]


def encrypt(plain: Path, target: Path, recipients: Sequence[Any]) -> None:
    """Writes `target`, which appears whole, for nobody else to read, or not at all. Raises OSError."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with (
            plain.open("rb") as source,
            os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out,
        ):
            _library().encrypt_io(source, out, list(recipients))
        files.move_into_place(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def decrypt(file: Path, target: Path, identity: Path) -> None:
    """Writes what is in `file` to `target`. Raises WrongSetting where the key does not open it, or it is damaged."""
    rage, identities = _library(), _identities(identity)
    try:
        with (
            file.open("rb") as source,
            os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out,
        ):
            rage.decrypt_io(source, out, identities)
    except (rage.DecryptError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # damage has none: it is age's, and not the disk's
            raise
        raise WrongSetting(file.name, f"{identity} does not open it, or it is damaged ({error})") from error


def _recipient(rage: Any, word: str) -> Any:
    try:
        return rage.x25519.Recipient.from_str(word) if word.startswith("age1") else rage.ssh.Recipient.from_str(word)
    except rage.RecipientError as error:
        shown = f"{word[:12]}…" if len(word) > 12 else word
        why = f"{shown!r} names nobody: write age1… (age-keygen makes one) or an ssh public key, separated by commas"
        raise WrongSetting("SHIFTBOOK_BACKUP_TO", why) from error


def _identities(path: Path) -> list[Any]:
    """The private keys of a file of age-keygen's or ssh-keygen's."""
    rage = _library()
    try:
        with path.open("rb") as opened:
            words = opened.read(MAX_IDENTITY_BYTES)
        if words.startswith(b"-----BEGIN"):
            return [rage.ssh.Identity.from_buffer(words)]
        lines = [line.strip() for line in words.decode().splitlines()]
        found = [rage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError, rage.IdentityError) as error:
        raise WrongSetting("--identity", f"{path} is no usable private key of age or ssh ({error})") from error
    if not found:
        raise WrongSetting("--identity", f"{path} holds no key")
    return found


def _library() -> Any:
    try:
        import pyrage
    except ImportError as error:
        why = f"what encrypts backups is not installed: {extra_command('age')}"
        raise WrongSetting("SHIFTBOOK_BACKUP_TO", why) from error
    return pyrage
