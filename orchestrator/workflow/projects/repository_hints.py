"""What do a repository's files hint at that a person may want to write down: set-up, tools, ports, dev services?

Hints are words for people. Nothing of them is written down or run by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from handoff.secrets.excerpts import redacted_line
from orchestrator.core.own_installation import document_place
from orchestrator.workflow.projects.devcontainer import MAX_CHARS, PATHS, read_devcontainer
from orchestrator.workflow.projects.toolchain import RepositoryFiles

MAX_HINT_CHARS = 300
COMPOSE_FILES = (
    *("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"),
    *(".devcontainer/docker-compose.yml", ".devcontainer/docker-compose.yaml", ".devcontainer/compose.yml"),
)
IMAGE = re.compile(r"^[ \t]{1,20}image:[ \t]*[\"']?(?:[\w.:-]{1,100}/){0,4}(\w+)", re.MULTILINE)
"""A service's image in a compose file, by its last name; the file's other words say nothing here."""
PROGRAMS = {
    **dict.fromkeys(("postgres", "postgresql", "postgis", "pgvector", "timescaledb"), "PostgreSQL"),
    **dict.fromkeys(("redis", "valkey"), "Redis"),
    **dict.fromkeys(("mysql", "mariadb"), "MySQL"),
    **dict.fromkeys(("mongo", "mongodb"), "MongoDB"),
    **dict.fromkeys(("rabbitmq", "memcached", "elasticsearch", "opensearch", "minio", "nats"), ""),
}
"""Which program stands behind an image; its own name where that is the same."""
FEATURE_PROGRAMS = {
    **{name: name for name in ("node", "python", "go", "ruby", "java", "php", "deno", "bun", "uv")},
    "rust": "cargo",
    "dotnet": "dotnet",
    "github-cli": "gh",
}
"""What a feature of a devcontainer brings that a run can use."""


def repository_hints(files: RepositoryFiles, *, setup: str) -> list[str]:
    """A line each, with the next step. `setup` is what is taken for the set-up already."""
    return [redacted_line(hint, MAX_HINT_CHARS) for hint in (*_devcontainer_hints(files, setup), *_services(files))]


def _devcontainer_hints(files: RepositoryFiles, setup: str) -> Iterator[str]:
    texts = ((path, files.read(path)) for path in PATHS)
    path, text = next(((path, text) for path, text in texts if text), ("", ""))
    if not path:
        return
    if len(text) > MAX_CHARS:
        yield f"{path} is longer than {MAX_CHARS // 1024} KiB and was not read"
        return
    found = read_devcontainer(text)
    if found.setup and found.setup != setup:
        yield f"{path} prepares a clone with `{found.setup}`: --setup takes it"
    if found.refused:
        yield f"{path} prepares a clone with `{found.refused}`, which is no one line without sudo: do it on the nodes"
    if programs := [FEATURE_PROGRAMS[each] for each in found.features if each in FEATURE_PROGRAMS]:
        yield f"{path} wants {', '.join(programs)}: install that on the nodes; `--tool PATH` shows what is not in /usr"
    if other := [each for each in found.features if each not in FEATURE_PROGRAMS]:
        yield f"{path} has features that mean nothing here ({', '.join(other)}): what they bring must be on the nodes"
    if found.ports:
        ports, how = ", ".join(found.ports), document_place("docs/projects.md")
        yield f"{path} forwards {ports}: what tests need there can be a service of the project ({how})"
    if found.runs_in:
        yield f"{path} runs in {found.runs_in}, which is not used: what tests need of it must be on the nodes"


def _services(files: RepositoryFiles) -> Iterator[str]:
    for path in COMPOSE_FILES:
        text = files.read(path)
        images = dict.fromkeys(IMAGE.findall(text)) if len(text) <= MAX_CHARS else ()
        if known := list(dict.fromkeys(PROGRAMS[each] or each for each in images if each in PROGRAMS)):
            yield (
                f"{path} has {', '.join(known)}: if its tests need that, write `[projects.NAME.services.…]` into"
                f" fleet.toml; lines to copy: {document_place('docs/projects.md', 'Dev services')}"
            )
