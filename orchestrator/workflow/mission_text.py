"""What does a new mission's file say, of a text and what was said beside it, and what is it called after?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from missions import document, frontmatter
from missions.frontmatter import Scalar
from missions.mission import Mission


def first_words(body: str) -> str:
    """What a mission is called after: its title or its first line, below a front matter if there is one."""
    read = document.read("missions/unnamed.md", body.encode("utf-8", "surrogatepass"))
    return read.title if isinstance(read, Mission) and body.startswith("---") else body[:60]


def mission_text(body: str, fields: Mapping[str, Scalar | Sequence[str]]) -> str:
    """A mission's file. What is said beside a text with front matter of its own replaces what that says."""
    said = {key: value for key, value in fields.items() if value not in (None, "", (), [])}
    lines = "".join(f"{key}: {_format_value(value)}\n" for key, value in said.items())
    text = body.removeprefix(frontmatter.BYTE_ORDER_MARK).strip("\n") + "\n" if body.strip() else ""
    if not lines:
        return text
    try:
        block = frontmatter.split(frontmatter.write(text, dict.fromkeys(said)))
    except frontmatter.Malformed:
        return text  # which is told as it is
    if not block.start:
        return f"---\n{lines}---\n{text}"
    end = block.start + len(block.head)
    return f"{block.text[:end]}{lines}{block.text[end:]}"


def _format_value(value: Scalar | Sequence[str]) -> str:
    if value is None or isinstance(value, str | int | float | bool):
        return frontmatter.print_scalar(value)
    return json.dumps(list(value), ensure_ascii=False)
