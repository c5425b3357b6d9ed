"""What is a project known by: its names, the paths and names in its code, the words of its documents?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from handoff.paths import named_paths
from handoff.symbols import named_symbols
from handoff.tiers import split
from orchestrator.workflow.assignment.words import content_words

_TOKEN = re.compile(r"[^\W_]+")
_PATH = re.compile(r"(?<![\w/\\.:@-])(?:[\w.-]+/)+[\w.-]+\.\w{1,8}(?![\w/])")
_EMPHASISED = re.compile(r"`([^`\n]+)`|\*\*([^*\n]+)\*\*|^#{1,6}[ \t]+(.+)$", re.MULTILINE)
MAX_SUBJECT_CHARS = 60
"""Characters at whose beginning an item of the portfolio must name the project that it is about."""


@dataclass(frozen=True, kw_only=True)
class NameForm:
    """One way to name a project. `kind` is name, alias or repository."""

    kind: str
    text: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class ProjectProfile:
    """A project as requests may mean it; each is only equal to itself, so that verdicts can be looked up quickly.

    `stems` counts the words of its documents, `marked` are those that stand out, `pairs` those that follow each other.
    """

    name: str
    url: str
    forms: tuple[NameForm, ...]
    paths: frozenset[str] = frozenset()
    symbols: frozenset[str] = frozenset()
    stems: Mapping[str, int] = field(default_factory=dict)
    marked: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, str]] = frozenset()


def build_profile(
    name: str, url: str, aliases: Iterable[str] = (), *, documents: Sequence[str] = (), code: Sequence[str] = ()
) -> ProjectProfile:
    """A project's profile. `documents` are read for their words, and, with `code`, for paths and names in code."""
    text = "\n\n".join(documents)
    found = list(content_words(text))
    marked = " . ".join(next(filter(None, match)) for match in _EMPHASISED.findall(text))
    both = "\n\n".join([text, *code])
    paths = frozenset(paths_in(both))
    return ProjectProfile(
        name=name,
        url=url,
        forms=tuple(_forms(name, url, aliases)),
        paths=paths,
        symbols=frozenset(named_symbols(both)) | {path.rpartition("/")[2].partition(".")[0] for path in paths},
        stems=Counter(found),
        marked=frozenset(content_words(marked)),
        pairs=frozenset(pairwise(found)),
    )


def portfolio_items_about(portfolio: str, forms: Sequence[NameForm]) -> str:
    """The items of tier 1 that are about a project: those that begin with one of its names."""
    own = [form.tokens for form in forms]
    return "\n".join(item.text for item in split(portfolio) if _begins_with(item.text[:MAX_SUBJECT_CHARS], own))


def paths_in(text: str) -> tuple[str, ...]:
    """The paths that a text names, with any ending if they have a folder."""
    return tuple(dict.fromkeys([*named_paths(text), *_PATH.findall(text)]))


def name_tokens(text: str) -> tuple[str, ...]:
    """A name's words without capitals: `Shop-API` is (shop, api)."""
    return tuple(token.casefold() for token in _TOKEN.findall(text))


def repository_name(url: str) -> str:
    """What a repository is called by its address: `git@host:me/shop.git` is `shop`."""
    return re.split(r"[/:\\]", url.rstrip("/\\"))[-1].removesuffix(".git")


def bare_address(url: str) -> str:
    """An address without how it is reached, so that https and ssh are one: `host/me/shop`."""
    bare = re.sub(r"^[a-z+]+://", "", url.strip().casefold()).rpartition("@")[2]
    return re.sub(r":(?:\d+/)?", "/", bare, count=1).rstrip("/").removesuffix(".git").replace("//", "/")


def _forms(name: str, url: str, aliases: Iterable[str]) -> Iterable[NameForm]:
    seen = set[tuple[str, ...]]()
    for kind, text in (("name", name), *(("alias", alias) for alias in aliases), ("repository", repository_name(url))):
        tokens = name_tokens(text)
        if tokens and tokens not in seen:
            seen.add(tokens)
            yield NameForm(kind=kind, text=text, tokens=tokens)


def _begins_with(text: str, names: Sequence[tuple[str, ...]]) -> bool:
    """Whether the first words, after marks and an article, are one of the names."""
    first = name_tokens(text)[:6]
    first = first[1:] if first[:1] in (("the",), ("our",)) else first
    return any(first[: len(name)] == name for name in names)
