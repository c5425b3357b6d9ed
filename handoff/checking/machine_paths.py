"""Which paths of a line exist on one machine only?

A home folder is told from what merely looks like one: a route of a web site (`GET /Users/123/Groups`, `/home/feed`),
and the home of an account that images, runners and hosts have everywhere (`/home/node`, `/Users/runner`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PATH = re.compile(
    r"(?<![\w-])[A-Za-z]:\\{1,2}Users\\{1,2}(?P<user>[^\\\s`\"']+)\\[^`\n\"']*"
    r"|(?<![\w/.:}\]>-])/(?:home|Users)/(?P<name>[\w.@-]+)/(?P<rest>[\w.*@{}:-][\w./*@{}:-]*)"
)
_NOBODY = re.compile(
    r"(?i)\A(?:user(?:name)?|you(?:r[\w-]*)?|me|self|name|someone|all|public|shared|default|guest|root|nobody|[\d-]+"
    r"|[0-9a-f-]{36}|\W.*)\Z"
)
_EVERYWHERE_WORDS = (
    "node runner runneradmin app appuser ubuntu debian fedora centos ec2-user opc azureuser vagrant docker container "
    "containeradministrator containeruser vscode codespace gitpod coder jovyan circleci travis distiller jenkins "
    "buildagent builder ci git gitea www www-data wwwroot site web nginx airflow spark hadoop hdfs nonroot deno bun "
    "pwuser seluser linuxbrew sandbox sail laravel rails steam oracle postgres mysql redis elasticsearch minecraft "
    "homeassistant sbx-user conan rootless nixbld conda mambauser kasm-user frappe odoo discourse worker agent pi"
)
_EVERYWHERE = frozenset(_EVERYWHERE_WORDS.split())
_CALLED = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|HTTP|curl|https?://\S*)[\s`\"'*|:]{1,6}\Z")
_ROUTES = re.compile(
    r"(?i)\b(?:routes?|routing|endpoints?|urls?|uris?|api|pages?|screens?|navigat\w+|redirect\w*|slugs?)\b"
)
_INSIDE = re.compile(
    r"(?i)\b(?:in|inside|within|into|of)\s+(?:(?:the|a|an|our|its|each|every|this)\s+)?(?:[\w-]+\s+){0,2}?"
    r"(?:images?|containers?|pods?|devcontainers?|codespaces?|runners?|sandbox(?:es)?|vm|guests?|jail)\b"
)
_FOLDER_WORDS = (
    "desktop documents downloads pictures library projects project src code dev work workspace workspaces repos repo "
    "git go bin venv tmp notes old sites development github"
)
_PLACE = re.compile(
    r"(?i)(?:\b(?:in|at|from|under|below|inside|into|cd|path|folder|directory|checkout|clone|is|was|lies|lives|installed)"
    r"|\b[\w ]{2,24}(?::|:\*\*|\*\*:))[\s`\"'*]{1,4}\Z"
)
_FILE = re.compile(rf"(?i)(?:\A|/)(?:{'|'.join(_FOLDER_WORDS.split())}|\.[a-z][\w.-]*)(?:/|\Z)|\.[a-z]\w{{0,7}}\Z")


def machine_path(line: str, heading: str = "") -> str:
    """The first path of the line, below this heading, that leads nowhere on any other machine; "" if there is none."""
    return next(_machine_paths(line, heading), "")


def _machine_paths(line: str, heading: str) -> Iterator[str]:
    for found in _PATH.finditer(line):
        name, before = found["user"] or found["name"], line[: found.start()]
        if _NOBODY.match(name) or name.lower() in _EVERYWHERE or _CALLED.search(before) or _INSIDE.search(before):
            continue
        is_file = bool(found["user"]) or bool(_FILE.search(found["rest"]))
        if is_file or (_is_deep(found["rest"], before) and not _ROUTES.search(f"{heading}\n{before}")):
            yield found[0]


def _is_deep(rest: str, before: str) -> bool:
    """Whether a path without any sign of a file is told as a place, or is longer than a route usually is."""
    return bool(_PLACE.search(before)) or rest.strip("/").count("/") >= 2
