"""With which key does this node sign its pushes? The push key, made when the first device asks for it."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from orchestrator.core.errors import WrongSetting
from sync import files

PUSH_KEY_FILE = "push.pem"
"""In the home folder's `keys`."""


def push_key(home: Path) -> ec.EllipticCurvePrivateKey:
    """The key; made where there is none, by one of several processes. Raises WrongSetting for a file that is none."""
    path = home / "keys" / PUSH_KEY_FILE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = ec.generate_private_key(ec.SECP256R1())
        files.create(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)
    try:
        found = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise WrongSetting(
            str(path), f"it cannot be read as a key ({error}): take it away, and a new one is made"
        ) from error
    if not isinstance(found, ec.EllipticCurvePrivateKey) or found.curve.name != "secp256r1":
        raise WrongSetting(str(path), "it is no key of the curve P-256: take it away, and a new one is made")
    return found


def rotate_push_key(home: Path) -> None:
    """Takes the key away: the next one is new, and devices subscribe again when they are opened. Raises OSError."""
    (home / "keys" / PUSH_KEY_FILE).unlink(missing_ok=True)
