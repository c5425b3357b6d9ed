"""Which files does a text name, and are they there?

Only what clearly is a path counts: code in backticks or a link target that has a folder and an extension, or a file
name with a well-known extension. Globs, placeholders, URLs, commands with arguments, absolute and home paths don't.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_CODE = re.compile(r"`([^`\n]{3,200})`")
_PLAIN = re.compile(r"(?<![\w/\\.:~@<-])((?:[\w.-]+/)+[\w.-]+\.[A-Za-z]{1,8}|[A-Z][A-Z0-9_]{3,}\.md)(?![\w/\\*<{-])")
_PATH = re.compile(r"(?:\./)?(?:[\w@+-][\w.@+-]*/)*[\w.@+-]*[\w]\.(?P<ext>[A-Za-z][A-Za-z0-9]{0,7})(?::\d+)?\Z")
_EXTENSIONS_WORDS = (
    "md py js jsx ts tsx mjs cjs json toml yaml yml html css scss sh bash rs go java kt c h cc cpp hpp cs rb php "
    "sql txt ini cfg conf lock svelte vue xml csv pdf svg png jpg bat ps1 gradle swift"
)
_EXTENSIONS = frozenset(_EXTENSIONS_WORDS.split())
_LINK = re.compile(r"!?\[[^\]\n]{0,300}\]\((?P<target><[^>\n]{1,300}>|[^()\s]{1,300})(?:\s+\"[^\"\n]{0,200}\")?\)")

_URL = re.compile(r"(?<!\w)\w+://\S+")  # begun within a word it would take the square of a long word's length


def named_paths(text: str) -> tuple[str, ...]:
    """The paths that the text names, in order, each once, without `./` and line numbers."""
    found = [match for match in _CODE.findall(text) if _is_path(match)]
    bare = _CODE.sub(" ", _URL.sub(" ", _LINK.sub(" ", text)))
    found += [match for match in _PLAIN.findall(bare) if _is_path(match)]
    return tuple(dict.fromkeys(re.sub(r":\d+\Z", "", path).removeprefix("./") for path in found))


def link_targets(text: str) -> Iterator[str]:
    """The relative targets of Markdown links, without anchors and queries."""
    for match in _LINK.finditer(_CODE.sub(lambda code: " " * len(code[0]), text)):
        target = re.split(r"[#?]", match["target"].strip("<>"))[0]
        if target and not re.match(r"[A-Za-z][\w+.-]*:|//|/|\{|\$", target) and re.search(r"[./]", target):
            yield target.replace("%20", " ")


def is_missing(path: str, files: Collection[str], folder: str = "") -> bool:
    """Whether neither the path nor, seen from the folder or anywhere below, a file of that name is there."""
    if path in files or resolve_path(folder, path) in files:
        return False
    return not any(file.endswith(f"/{path}") for file in files)


def resolve_path(folder: str, path: str) -> str:
    """The path seen from the folder, with `..` and `.` worked out."""
    parts: list[str] = []
    for part in f"{folder}/{path}".split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in {"", ".", ".."}:
            parts.append(part)
    return "/".join(parts)


def _is_path(text: str) -> bool:
    match = _PATH.match(text)
    if match is None or text.startswith(".env") or match["ext"].lower() not in _EXTENSIONS:
        return False
    return "/" in text or len(match["ext"]) > 1  # `event.c` and `a.b.c` are as likely to be code
