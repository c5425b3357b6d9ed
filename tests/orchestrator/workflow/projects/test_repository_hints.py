"""Is what a devcontainer and a compose file hint at told in words, with the next step, and nothing of it done?"""

from __future__ import annotations

import pytest

from orchestrator.workflow.projects.devcontainer import MAX_CHARS, DevcontainerFacts, read_devcontainer
from orchestrator.workflow.projects.repository_hints import repository_hints
from orchestrator.workflow.projects.toolchain import RepositoryFiles

WHOLE = """\
{ // how we work
  "image": "mcr.microsoft.com/devcontainers/base:bookworm", /* the
  usual one */
  "onCreateCommand": ["make", "the deps"],
  "postCreateCommand": {"web": "npm ci", "py": "uv sync"},
  "features": {"ghcr.io/devcontainers/features/node:1": {}, "ghcr.io/devcontainers/features/rust:1": {}, "x/y/zig": {}},
  "forwardPorts": [3000, "db:5432",],
}
"""


def hints(files: dict[str, str], setup: str = "") -> list[str]:
    """What a repository with these files hints at."""
    return repository_hints(RepositoryFiles(names=set(files), read=lambda name: files.get(name, "")), setup=setup)


def test_a_whole_devcontainer() -> None:
    """Each part of it in one line that says what to do."""
    found = hints({".devcontainer/devcontainer.json": WHOLE})
    assert found[0].endswith("prepares a clone with `make 'the deps' && npm ci && uv sync`: --setup takes it")
    assert "wants node, cargo: install that on the nodes; `--tool PATH`" in found[1]
    assert "features that mean nothing here (zig)" in found[2]
    assert "forwards 3000, db:5432" in found[3]
    assert "runs in the image mcr.microsoft.com/devcontainers/base:bookworm, which is not used: what" in found[4]
    assert len(found) == 5


def test_what_is_taken_already_is_not_told_again() -> None:
    """Nor is anything told of a repository without such files."""
    assert hints({".devcontainer.json": '{"postCreateCommand": "make deps"}'}, setup="make deps") == []
    assert hints({"README.md": "image: postgres"}) == []


@pytest.mark.parametrize(
    ("text", "setup"),
    [
        ('{"postCreateCommand": "echo {a,} // b"}', "echo {a,} // b"),
        ('{"postCreateCommand": "echo \\"/* x */\\""}', 'echo "/* x */"'),
        ('{"updateContentCommand": "a", "postCreateCommand": "a"}', "a"),
        ('{"postCreateCommand": 7, "forwardPorts": 3, "features": []}', ""),
        ('{"postCreateCommand": {"a": {"b": "c"}}}', ""),
        ("[1]", ""),
        ("{", ""),
        ("", ""),
    ],
)
def test_commands(text: str, setup: str) -> None:
    """As they are written: what looks like a comment or a comma in a text is none."""
    assert read_devcontainer(text) == DevcontainerFacts(setup=setup)


@pytest.mark.parametrize("line", ["sudo apt-get install x", "a\\nb", "a\\u001b[2Jb"])
def test_what_cannot_be_a_set_up(line: str) -> None:
    """Is told, in one line that moves no cursor, and proposed to nobody."""
    text = f'{{"postCreateCommand": "{line}"}}'
    assert read_devcontainer(text).setup == ""
    (found,) = hints({".devcontainer.json": text})
    assert "do it on the nodes" in found
    assert found.isprintable()


@pytest.mark.parametrize("piece", ["/*", '"', "//", ",", '"\\', "{", "/* */", ", "])
def test_a_hostile_file_says_nothing(piece: str) -> None:
    """Comments, texts and lists without an end; and of what is too long nothing is read."""
    text = piece * (MAX_CHARS // len(piece))
    assert read_devcontainer(text) == DevcontainerFacts()
    assert hints({".devcontainer.json": text + "/" * MAX_CHARS}) == [
        ".devcontainer.json is longer than 64 KiB and was not read"
    ]


def test_compose_services() -> None:
    """Those that tests often need, once each, whatever registry they come from."""
    text = """\
services:
  db:
    image: "docker.io/library/postgres:16-alpine"
  old:
    image: postgis/postgis
  cache:
    image: redis
  web:
    image: example.org:5000/shop/web:1
  build: .
"""
    (found,) = hints({"docker-compose.yml": text})
    assert found.startswith("docker-compose.yml has PostgreSQL, Redis: if its tests need that, write `[projects.")
    assert hints({"compose.yaml": "image: postgres\n"}) == []
    assert hints({"compose.yaml": text + " " * MAX_CHARS}) == []


def test_no_secret_is_told() -> None:
    """A command that holds a token is told without it."""
    token = "ghp_" + "a1B2c3D4e5" * 4
    (found,) = hints({".devcontainer.json": f'{{"postCreateCommand": "TOKEN={token} make"}}'})
    assert token not in found
