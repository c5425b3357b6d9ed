"""What is a project known by: its names, its address and the paths that its documents name?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_TOKEN = re.compile(r"[^\W_]+")
PATH = re.compile(r"(?<![\w/\\.:@~-])(?:\w[\w.-]*/)+(?:[\w.-]*\w\.\w{1,8}(?![\w/])|(?!\w))")
"""A file with its folders, or a folder with a slash at its end, below some root: `src/views.py`, `src/`."""
MIN_FOLDERS = 2
"""Folders that a path must have to tell projects apart: `src/main.py` may stand in any."""


@dataclass(frozen=True, kw_only=True)
class NameForm:
    """One way to name a project. `kind` is name, alias or repository; `tokens` are its words without capitals."""

    kind: str
    text: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class ProjectProfile:
    """A project as requests may name it; each is only equal to itself, so that verdicts can be looked up quickly."""

    name: str
    url: str
    forms: tuple[NameForm, ...]
    paths: frozenset[str] = frozenset()

    def knows(self, path: str) -> bool:
        """Whether its documents name this path, or a folder that it lies in."""
        return path in self.paths or any(path.startswith(known) for known in self.paths if known.endswith("/"))


def build_profile(name: str, url: str, aliases: Iterable[str] = (), *, documents: Iterable[str] = ()) -> ProjectProfile:
    """A project's profile. `documents` are read for the paths that they name."""
    paths = frozenset(path for text in documents for path in PATH.findall(text) if path.count("/") >= MIN_FOLDERS)
    return ProjectProfile(name=name, url=url, forms=tuple(_forms(name, url, aliases)), paths=paths)


def name_tokens(text: str) -> tuple[str, ...]:
    """A name's words without capitals: `Shop-API` is (shop, api)."""
    return tuple(token.casefold() for token in _TOKEN.findall(text))


def repository_name(url: str) -> str:
    """What a repository is called by its address: `git@host:me/shop.git` is `shop`."""
    return re.split(r"[/:\\]", url.rstrip("/\\"))[-1].removesuffix(".git")


def bare_address(url: str) -> str:
    """An address without how it is reached, so that https and ssh are one: `host/me/shop`.

    On a server an ending `.git` is optional; of folders, `shop` and `shop.git` are two.
    """
    if local := re.match(r"(?:file://)?(?=/)", url.strip()):
        return url.strip()[local.end() :].rstrip("/")
    bare = re.sub(r"^[a-z+]+://", "", url.strip().casefold()).rpartition("@")[2]
    return re.sub(r":(?:\d+/)?", "/", bare, count=1).rstrip("/").removesuffix(".git").replace("//", "/")


def _forms(name: str, url: str, aliases: Iterable[str]) -> Iterable[NameForm]:
    seen = set[tuple[str, ...]]()
    for kind, text in (("name", name), *(("alias", alias) for alias in aliases), ("repository", repository_name(url))):
        tokens = name_tokens(text)
        if tokens and tokens not in seen:
            seen.add(tokens)
            yield NameForm(kind=kind, text=text, tokens=tokens)
