"""Is it told from a repository's files how it is set up and tested, and what a sandbox must be shown for that?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.workflow.projects.toolchain import (
    RepositoryFiles,
    Toolchain,
    find_toolchain,
    folder_files,
    tool_paths,
)

PYTEST = "[project]\nname = 'x'\n[build-system]\n[tool.pytest.ini_options]\n"
LISTS = "-r requirements-dev.txt -r requirements.txt"
VENV = "python3 -m venv .venv && .venv/bin/python -m pip install -q"


def toolchain(files: dict[str, str]) -> Toolchain:
    """What a repository with these files tells."""
    names = {name.partition("/")[0] + "/" * ("/" in name) for name in files}
    return find_toolchain(RepositoryFiles(names=names, read=lambda name: files.get(name, "")))


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"Makefile": "test:\n\ttrue\n", "pyproject.toml": "[tool.pytest.ini_options]\n"}, "make test"),
        ({"Makefile": "TEST := 1\ntest := 2\nlatest:\n"}, ""),
        ({"justfile": "test *args:\n    true\n"}, "just test"),
        ({"tox.ini": "[tox]\n"}, "tox"),
        ({"pyproject.toml": '[dependency-groups]\ndev = ["pytest>=8"]\n'}, "python -m pytest -q"),
        ({"pyproject.toml": PYTEST, "uv.lock": "1"}, "uv run pytest -q"),
        ({"pyproject.toml": "[project]\nname = 'x'\n", "tests/test_a.py": ""}, "python -m pytest -q"),
        ({"setup.py": "setup()", "tests/test_a.py": ""}, "python -m pytest -q"),
        ({"tests/test_a.py": ""}, ""),
        ({"pyproject.toml": "[tool.ruff]\n"}, ""),
        ({"pyproject.toml": "[broken"}, ""),
        ({"package.json": '{"scripts": {"test": "vitest run"}}'}, "npm test"),
        ({"package.json": '{"scripts": {"test": "vitest run"}}', "pnpm-lock.yaml": "x"}, "pnpm test"),
        ({"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'}, ""),
        ({"package.json": '{"scripts": []}'}, ""),
        ({"package.json": "[" * 3000}, ""),
        ({"Cargo.toml": "[package]\n"}, "cargo test"),
        ({"go.mod": "module x\n"}, "go test ./..."),
        ({"README.md": "run the tests\n"}, ""),
    ],
)
def test_the_test_command_is_told_from_files(files: dict[str, str], command: str) -> None:
    """What a person wrote for the purpose comes first; a guess is not made."""
    assert toolchain(files).test == command


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"pyproject.toml": PYTEST, "uv.lock": "1"}, "uv sync"),
        ({"pyproject.toml": "[project.optional-dependencies]\ntest = []\n", "uv.lock": "1"}, "uv sync --extra test"),
        ({"pyproject.toml": PYTEST, "poetry.lock": "1"}, "POETRY_VIRTUALENVS_IN_PROJECT=true poetry install"),
        ({"pyproject.toml": PYTEST}, f"{VENV} -e . pytest"),
        (
            {"pyproject.toml": PYTEST + "[project.optional-dependencies]\ndev = ['pytest']\n"},
            f"{VENV} -e '.[dev]'",
        ),
        (
            {"requirements.txt": "flask\n", "requirements-dev.txt": "pytest\n"},
            f"{VENV} {LISTS}",
        ),
        ({"package.json": "{}", "package-lock.json": "{}"}, "npm ci --no-audit --no-fund"),
        ({"package.json": '{"dependencies": {"x": "1"}}'}, "npm install --no-audit --no-fund"),
        ({"package.json": '{"scripts": {"test": "node x"}}'}, ""),
        ({"package.json": "{}", "pnpm-lock.yaml": "x"}, "pnpm install --frozen-lockfile"),
        ({"package.json": "{}", "yarn.lock": "x", "go.mod": "m"}, "yarn install --frozen-lockfile && go mod download"),
        ({"Cargo.toml": "[package]\n"}, "cargo fetch"),
        ({".devcontainer/devcontainer.json": '{ // how\n "postCreateCommand": "make deps", }'}, "make deps"),
        ({".devcontainer.json": '{"postCreateCommand": "sudo apt install x"}'}, ""),
        ({"Makefile": "test:\n\ttrue\n"}, ""),
    ],
)
def test_the_set_up_is_told_from_files(files: dict[str, str], command: str) -> None:
    """By lock files first; a devcontainer's own command where nothing else tells."""
    assert toolchain(files).setup == command


def test_programs() -> None:
    """The first words of a line's commands, without the repository's own programs and variables."""
    found = Toolchain(setup="A=1 poetry install && .venv/bin/python -m x", test="cd a && uv run pytest; npm test")
    assert found.programs == ("poetry", "uv", "npm")


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("/usr/bin/make", ()),
        ("/h/.pyenv/shims/python3", ("~/.pyenv",)),
        ("/h/.nvm/versions/node/v20.1.0/bin/npm", ("~/.nvm",)),
        ("/h/.cargo/bin/cargo", ("~/.cargo", "~/.rustup")),
        ("/h/.local/bin/uv", ("~/.local/bin/uv",)),
        ("/h/bin/just", ("~/bin/just",)),
        ("/opt/tools/go", ("/opt/tools/go",)),
        ("/srv/x/.pyenv/shims/python3", ("/srv/x/.pyenv",)),
    ],
)
def test_what_a_sandbox_must_be_shown(program: str, shown: tuple[str, ...]) -> None:
    """A version manager whole, a program alone, nothing of the system's, and never a whole home."""
    assert tool_paths(program, Path("/h")) == shown


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Nor is a file read that is far too large."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "Makefile").symlink_to("/etc/passwd")
    (tmp_path / "package.json").write_text(" " * 1_100_000)
    files = folder_files(tmp_path)
    assert files.names == {"tests/", "Makefile", "package.json"}
    assert (files.read("Makefile"), files.read("package.json"), files.read("tests")) == ("", "", "")
