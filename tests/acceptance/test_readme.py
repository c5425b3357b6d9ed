"""The documents' own words, typed by somebody new."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests import program
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    """The blocks of shell that a page shows, in its order."""
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def section(text: str, title: str) -> str:
    """What stands below a heading of the second level."""
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def page(name: str) -> str:
    """One of the documents."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def forked(folder: Path) -> Path:
    """A folder with a `shiftbook` whose processes come from the fork server."""
    folder.mkdir()
    command = folder / "shiftbook"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(program.launched())} "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return folder


def typed(lines: str, home: Path, programs: Path = Path(sys.executable).parent, **more: str) -> str:
    """What is printed when somebody with an empty home folder types the lines, each of which must succeed."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "SHIFTBOOK_", "FACTORY_"))}
    env = kept | {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "PWD": str(home)} | more
    env["PATH"] = f"{programs}:{env['PATH']}"
    (home / ".gitconfig").write_text("[user]\n\tname = you\n\temail = you@shiftbook.invalid\n", encoding="utf-8")
    words = ["bash", "-euo", "pipefail", "-c", lines]
    done = subprocess.run(words, cwd=home, env=env, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.model
def test_a_first_fleet_works_word_for_word(tmp_path: Path, embedded: object) -> None:
    """Every line of "Your own fleet", and of the API's first ones, succeeds; only the port is another one."""
    port = free_port()
    lines = "".join([*blocks(section(README, "Your own fleet")), blocks(page("api.md"))[0]]).replace("8823", str(port))
    said = typed(lines, tmp_path, SHIFTBOOK_HTTP=f"127.0.0.1:{port}")
    assert "Attempt 1 · done" in said
    assert "git version 2." in said
    for word in ('"status":"ok"', '"conversation_id"', "event: done", '"battery":80', '"value":"hi"'):
        assert word in said
    archived = list((tmp_path / "fleet" / "missions" / "archive").rglob("hello.md"))
    assert len(archived) == 1


def test_a_first_project_is_merged_word_for_word(tmp_path: Path) -> None:
    """Every line of docs/start.md succeeds, and at its end the change is in the project's main branch."""
    home = tmp_path / "home"
    home.mkdir()
    said = typed("".join(blocks(page("start.md"))), home, forked(tmp_path / "bin"))
    assert re.search(r"^a-parcel-of-exactly-1000\b.*\breview\b", said, re.MULTILINE)
    assert "a-parcel-of-exactly-1000 is approved and merged" in said
    assert "-le 1000" in (home / "parcel" / "price.sh").read_text(encoding="utf-8")


def test_the_first_line_installs_what_is_built() -> None:
    """A user's first line names the package of pyproject.toml, and the second one runs its demo."""
    first, second, *_ = blocks(README)[0].splitlines()
    name = re.search(r'^name = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert name is not None
    assert first.split("#")[0].split() == ["uv", "tool", "install", name[1]]
    assert second == "shiftbook demo"


def test_the_commands_of_make_are_targets() -> None:
    """What is said of `make` is what the Makefile offers."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"`make (\w+)`", README)
    assert {"demo", "test"} <= set(named)
    assert [words for words in named if f"\n{words}:" not in makefile] == []


def test_every_page_is_on_the_path() -> None:
    """No document is reached from nowhere: README names each page."""
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in README] == []
