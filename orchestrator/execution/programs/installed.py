"""Where is an agent's program installed, which version is it, and what must a sandbox show so that it runs?"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sync.process import own_session

VERSION_TIMEOUT_SECONDS = 30.0
VERSION_PATTERN = re.compile(r"\d+\.\d+[\w.+-]*")
ENV = "/usr/bin/env"


@dataclass(frozen=True, kw_only=True)
class InstalledProgram:
    """A program as it is found on PATH. `install` is what a person types who has not got it."""

    name: str
    install: str
    asks_version: tuple[str, ...] = ("--version",)
    """What it is asked with for its version."""

    def path(self) -> Path | None:
        """Where it is; None when it is not on PATH."""
        found = shutil.which(self.name)
        return Path(found).resolve() if found else None

    def missing(self) -> str | None:
        """Why it does not run here; None when it should."""
        path = self.path()
        if path is None:
            return f"{self.name} is not installed: {self.install}"
        interpreter = _interpreter(path)
        if interpreter and not _resolve_interpreter(interpreter):
            return f"{self.name} needs {interpreter[-1]}, which is not installed"
        return None

    def argv(self) -> tuple[str, ...]:
        """The words that start it, with absolute paths. Raises FileNotFoundError."""
        path = self.path()
        if path is None:
            raise FileNotFoundError(self.missing())
        interpreter = _interpreter(path)
        if interpreter[:1] == (ENV,):
            return (str(_resolve_interpreter(interpreter)), str(path))
        return (str(path),)

    def readable(self) -> tuple[Path, ...]:
        """What a sandbox must show of it, without the folders of /usr, which are always there."""
        path = self.path()
        if path is None:
            return ()
        kept = [_install_root(path)]
        if program := _resolve_interpreter(_interpreter(path)):
            kept += [_install_root(program), _install_root(program.resolve())]
        return tuple(each for each in dict.fromkeys(kept) if not each.resolve().is_relative_to("/usr"))

    def logged_in(self, *files: str) -> bool:
        """Whether this person has logged in with it: one of these files is in the home folder."""
        return any((Path.home() / each).is_file() for each in files)

    def version(self) -> str:
        """Its name and version; the name alone when it does not say one, "" when it is not there."""
        path = self.path()
        if path is None:
            return ""
        try:
            said = _query_version((*self.argv(), *self.asks_version), path.stat().st_mtime_ns)
        except (OSError, subprocess.TimeoutExpired):
            said = ""  # not kept: it may only have been slow
        return f"{self.name} {said}".strip()


def _interpreter(path: Path) -> tuple[str, ...]:
    """The words of a script's first line; none for a program that is no script."""
    with path.open("rb") as file:
        first = file.readline(256)
    if not first.startswith(b"#!"):
        return ()
    return tuple(first[2:].decode("utf-8", "replace").split()) or ()


def _resolve_interpreter(interpreter: tuple[str, ...]) -> Path | None:
    """The program that reads a script, as it is named: a virtual environment's link must not be followed."""
    if not interpreter:
        return None
    name = interpreter[-1] if interpreter[0] == ENV else interpreter[0]
    found = shutil.which(name)
    return Path(found) if found else None


def _install_root(path: Path) -> Path:
    """The smallest whole that a file is part of: a package with what it depends on, a virtual environment, a Python;
    else the file alone.
    """
    for folder in path.parents:
        if folder.name == "node_modules" and "node_modules" not in folder.parent.parts:
            return folder
        if (folder / "pyvenv.cfg").is_file():
            return folder
        if path.name.startswith("python") and (folder / "lib" / path.name).is_dir():
            return folder
    return path


@functools.lru_cache(maxsize=32)
def _query_version(argv: tuple[str, ...], _changed: int) -> str:
    """Asked once for each file that the program has been. Without keys, in an empty home.

    Raises OSError, TimeoutExpired.
    """
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "NO_COLOR": "1"}
        done = own_session.run(argv, folder=home, environment=environment, timeout=VERSION_TIMEOUT_SECONDS)
    found = VERSION_PATTERN.search(done.stdout.decode("utf-8", "replace"))
    return found.group().rstrip(".") if found else ""
