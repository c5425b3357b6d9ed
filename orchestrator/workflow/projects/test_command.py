"""With which command does a repository test itself, as far as its files tell?"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

MAX_FILE_BYTES = 1024 * 1024
"""Bytes of a file that is read for it."""


def find_test_command(folder: Path) -> str:
    """The command, or "" where no file tells. Files are read and never run; a link is not followed."""
    return next((command for find in _FINDERS if (command := find(folder))), "")


def _text(path: Path) -> str:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _make(folder: Path) -> str:
    return "make test" if re.search(r"^test\s*:(?!=)", _text(folder / "Makefile"), re.MULTILINE) else ""


def _just(folder: Path) -> str:
    text = _text(folder / "justfile") or _text(folder / "Justfile")
    return "just test" if re.search(r"^test\b[^=\n]*:(?!=)", text, re.MULTILINE) else ""


def _tox(folder: Path) -> str:
    return "tox" if _text(folder / "tox.ini") else ""


def _python(folder: Path) -> str:
    text = _text(folder / "pyproject.toml")
    try:
        tools = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError:
        return ""
    named = isinstance(tools, dict) and "pytest" in tools
    set_up = named or re.search(r"\bpytest\b", text) or _text(folder / "pytest.ini")
    return "python -m pytest -q" if set_up else ""


def _node(folder: Path) -> str:
    try:
        read = json.loads(_text(folder / "package.json") or "null")
    except ValueError:
        return ""
    scripts = read.get("scripts") if isinstance(read, dict) else None
    line = scripts.get("test") if isinstance(scripts, dict) else None
    return "npm test" if isinstance(line, str) and "no test specified" not in line else ""


def _by_file(name: str, command: str) -> Callable[[Path], str]:
    return lambda folder: command if _text(folder / name) else ""


_FINDERS = (
    _make,
    _just,
    _tox,
    _python,
    _node,
    _by_file("Cargo.toml", "cargo test"),
    _by_file("go.mod", "go test ./..."),
    _by_file("mix.exs", "mix test"),
    _by_file("gradlew", "./gradlew test"),
    _by_file("pom.xml", "mvn -q test"),
)
"""What a person wrote for the purpose comes first."""
