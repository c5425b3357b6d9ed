"""A repository's toolchain: how is it set up and tested, and which programs does that take, as its files tell?

Files are read and never run. What a person wrote for the purpose comes first; what is not told is not guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from missions.plain_data import read_json, read_toml
from orchestrator.workflow.projects import devcontainer

MAX_FILE_BYTES = 1024 * 1024
"""Bytes of a file that is read for it."""
VERSION_MANAGERS = frozenset({".pyenv", ".nvm", ".asdf", ".rbenv", ".volta", ".cargo", "miniconda3", "anaconda3"})
SYSTEM_FOLDERS = ("/usr/", "/bin/", "/sbin/")
"""What every sandbox shows."""


@dataclass(frozen=True, kw_only=True)
class RepositoryFiles:
    """A repository's files: the names at its top (of folders with a slash), and how one is read ("": not there)."""

    names: Collection[str]
    read: Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """How a repository is set up and tested; empty where no file tells. `programs` are those that it names."""

    setup: str = ""
    test: str = ""

    @property
    def programs(self) -> tuple[str, ...]:
        """The first words of its lines, in order, without what lies in the repository or is built into the shell."""
        parts = [part.split() for line in (self.setup, self.test) for part in re.split(r"&&|\|\||;|\|", line)]
        words = (next((word for word in part if "=" not in word), "") for part in parts)
        return tuple(dict.fromkeys(word for word in words if word and "/" not in word and word not in {"cd", "export"}))


def folder_files(folder: Path) -> RepositoryFiles:
    """A work tree's files; a link is not followed."""

    def read(name: str) -> str:
        path = folder / name
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
                return ""
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    return RepositoryFiles(names={f"{each.name}{'/' * each.is_dir()}" for each in folder.iterdir()}, read=read)


def find_toolchain(files: RepositoryFiles) -> Toolchain:
    """What the files tell."""
    setup = [line for find in (_python_setup, _node_setup, _cargo_setup, _go_setup) if (line := find(files))]
    test = next((command for find in _FINDERS if (command := find(files))), "")
    return Toolchain(setup=" && ".join(setup) or _devcontainer_setup(files), test=test)


def tool_paths(program: str, home: Path) -> tuple[str, ...]:
    """What `tools` must name so that a sandbox shows a program; nothing for one of the system's.

    `program` is where it lies. A version manager is shown whole: the program alone would not find its parts.
    """
    if program.startswith(SYSTEM_FOLDERS):
        return ()
    if not Path(program).is_relative_to(home):
        managers = [each for each in Path(program).parents if each.name in VERSION_MANAGERS]
        return (str(managers[-1]) if managers else program,)
    parts = Path(program).relative_to(home).parts
    if parts[0] == ".cargo":
        return ("~/.cargo", "~/.rustup")
    if parts[0] in {".local", "bin"} or len(parts) < 3:
        return ("~/" + "/".join(parts),)
    return (f"~/{parts[0]}",)


def _table(text: str) -> dict[str, Any]:
    try:
        return read_toml(text)
    except ValueError:
        return {}


def _json(text: str) -> dict[str, Any]:
    try:
        read = read_json(text or "null")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _inner(value: object, *names: str) -> dict[str, Any]:
    """A table in a table; empty where something else is there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


# -- tests ------------------------------------------------------------------------------------------------------


def _make(files: RepositoryFiles) -> str:
    return "make test" if re.search(r"^test\s*:(?!=)", files.read("Makefile"), re.MULTILINE) else ""


def _just(files: RepositoryFiles) -> str:
    text = files.read("justfile") or files.read("Justfile")
    return "just test" if re.search(r"^test\b[^=\n]*:(?!=)", text, re.MULTILINE) else ""


def _tox(files: RepositoryFiles) -> str:
    return "tox" if files.read("tox.ini") else ""


def _python(files: RepositoryFiles) -> str:
    text = files.read("pyproject.toml")
    names_pytest = _table(text) and re.search(r"\bpytest\b", text)
    if not (names_pytest or files.read("pytest.ini") or _has_python_tests(files)):
        return ""
    return "uv run pytest -q" if files.read("uv.lock") else "python -m pytest -q"


def _has_python_tests(files: RepositoryFiles) -> bool:
    project = _table(files.read("pyproject.toml")) or files.read("setup.py") or files.read("setup.cfg")
    return bool(project) and bool({"tests/", "test/"} & set(files.names))


def _node_client(files: RepositoryFiles) -> str:
    locks = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun", "bun.lockb": "bun"}
    return next((client for name, client in locks.items() if name in files.names), "npm")


def _node(files: RepositoryFiles) -> str:
    line = _inner(_json(files.read("package.json")), "scripts").get("test")
    if not isinstance(line, str) or "no test specified" in line:
        return ""
    client = _node_client(files)
    return "bun run test" if client == "bun" else f"{client} test"


def _by_file(name: str, command: str) -> Callable[[RepositoryFiles], str]:
    return lambda files: command if files.read(name) else ""


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


# -- set-up -----------------------------------------------------------------------------------------------------


def _python_setup(files: RepositoryFiles) -> str:
    pyproject = _table(files.read("pyproject.toml"))
    extras = [name for name in ("test", "tests", "testing", "dev") if name in _extras(pyproject)]
    if "uv.lock" in files.names:
        return " ".join(("uv sync", *(f"--extra {name}" for name in extras)))
    if "poetry.lock" in files.names:
        return "POETRY_VIRTUALENVS_IN_PROJECT=true poetry install"
    wanted = list(_pip_words(files, pyproject, extras))
    if not wanted:
        return ""
    return f"python3 -m venv .venv && .venv/bin/python -m pip install -q {' '.join(wanted)}"


def _extras(pyproject: dict[str, Any]) -> dict[str, Any]:
    return _inner(pyproject, "project", "optional-dependencies")


def _pip_words(files: RepositoryFiles, pyproject: dict[str, Any], extras: Iterable[str]) -> Iterator[str]:
    lists = [name for name in sorted(files.names) if re.fullmatch(r"requirements([-_.](dev|tests?))?\.txt", name)]
    yield from (f"-r {name}" for name in lists)
    packaged = "build-system" in pyproject or "project" in pyproject or "setup.py" in files.names
    inner = ",".join(extras)
    if packaged:
        yield f"-e '.[{inner}]'" if inner else "-e ."
    said = "".join(files.read(name) for name in lists) + json.dumps(list(_extras(pyproject).items()))
    if (packaged or lists) and _python(files) and not re.search(r"\bpytest\b", said, re.IGNORECASE):
        yield "pytest"


def _node_setup(files: RepositoryFiles) -> str:
    package = _json(files.read("package.json"))
    locked = {"package-lock.json", "npm-shrinkwrap.json"} & set(files.names)
    client = _node_client(files)
    if client != "npm":
        return f"{client} install --frozen-lockfile"
    if locked:
        return "npm ci --no-audit --no-fund"
    needs = any(_inner(package, key) for key in ("dependencies", "devDependencies"))
    return "npm install --no-audit --no-fund" if needs else ""


def _cargo_setup(files: RepositoryFiles) -> str:
    return "cargo fetch" if files.read("Cargo.toml") else ""


def _go_setup(files: RepositoryFiles) -> str:
    return "go mod download" if files.read("go.mod") else ""


def _devcontainer_setup(files: RepositoryFiles) -> str:
    """How a devcontainer prepares a fresh clone, if that is one line."""
    text = next((text for path in devcontainer.PATHS if (text := files.read(path))), "")
    return devcontainer.read_devcontainer(text).setup


def tree_names(paths: Iterable[str]) -> set[str]:
    """The names at a repository's top, of the paths that it holds."""
    return {f"{path.parts[0]}{'/' * (len(path.parts) > 1)}" for path in map(PurePosixPath, paths) if path.parts}
