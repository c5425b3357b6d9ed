"""What does a devcontainer file say: how is a clone prepared, which ports, tools and image does it want?

https://containers.dev/implementors/json_reference/. It is read and nothing of it is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from missions.plain_data import read_json

PATHS = (".devcontainer/devcontainer.json", ".devcontainer.json")
MAX_CHARS = 64 * 1024
"""Of a file that is longer nothing is read."""
MAX_LISTED = 20
COMMANDS = ("onCreateCommand", "updateContentCommand", "postCreateCommand")
"""Those that prepare a clone, in the order in which they run."""
ELSEWHERE = {"image": "image", "dockerFile": "Dockerfile", "build": "Dockerfile", "dockerComposeFile": "compose file"}
"""Keys that say in what a devcontainer runs, which is not taken from it."""
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*"?)|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:\\.|[^"\\])*"?)|,(?=\s*[}\]])', re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class DevcontainerFacts:
    """What it says. `setup` is a shell line, `refused` one that cannot be one; `runs_in` names its image or files."""

    setup: str = ""
    refused: str = ""
    ports: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    """As they are called at the end of their address: `node`, `python`."""
    runs_in: str = ""


def read_devcontainer(text: str) -> DevcontainerFacts:
    """What the file says; nothing where it is none."""
    read = _with_comments(text)
    lines = [_command_line(read.get(key)) for key in COMMANDS]
    setup = " && ".join(dict.fromkeys(line for line in lines if line))
    usable = "\n" not in setup and setup.isprintable() and not re.search(r"\bsudo\b", setup)
    features = read.get("features")
    ports = read.get("forwardPorts")
    return DevcontainerFacts(
        setup=setup if usable else "",
        refused="" if usable else setup,
        ports=tuple(str(port) for port in ports[:MAX_LISTED] if isinstance(port, int | str))
        if isinstance(ports, list)
        else (),
        features=tuple(dict.fromkeys(map(_feature, [*features][:MAX_LISTED]))) if isinstance(features, dict) else (),
        runs_in=", ".join(_runs_in(read)),
    )


def _with_comments(text: str) -> dict[str, Any]:
    """JSON with comments and commas before an end, as editors write it. Both expressions look at each letter once."""
    if len(text) > MAX_CHARS:
        return {}
    bare = _COMMENT.sub(lambda found: found[1] or " ", text)
    try:
        read = read_json(_LAST_COMMA.sub(lambda found: found[1] or "", bare) or "null")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _command_line(value: object) -> str:
    """A command in one of its three forms: a line, words, or several by name, which may run at once."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return shlex.join(value)
    if isinstance(value, dict):
        return " && ".join(filter(None, (_command_line(each) for each in value.values() if not isinstance(each, dict))))
    return ""


def _feature(address: str) -> str:
    """`ghcr.io/devcontainers/features/node:1` is `node`."""
    return re.split(r"[:@]", address.rstrip("/").rpartition("/")[2])[0]


def _runs_in(read: dict[str, Any]) -> Iterator[str]:
    for key, word in ELSEWHERE.items():
        value = read.get(key)
        if isinstance(value, dict):
            value = value.get("dockerfile", "")
        if isinstance(value, list):
            value = " ".join(each for each in value[:MAX_LISTED] if isinstance(each, str))
        if value and isinstance(value, str):
            yield f"the {word} {value}"
