"""Which mission is a task of another program's board: its name, its fields and its words?

Missions have no labels: they stand in the text, as does where it came from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping

from handoff.secrets.excerpts import redacted_line
from handoff.secrets.redact import redact
from missions.mission import CODING_TASK, slug
from missions.one_line import printable, shorten
from orchestrator.core.ports.task_board import BoardTask
from orchestrator.workflow.mission_text import mission_text

MAX_TITLE_CHARS, MAX_BODY_CHARS, MAX_LABEL_CHARS = 200, 16_000, 300
MAX_KEY_CHARS = 50
_OUR_MARK = re.compile(r"<!--\s*+(?=shiftbook)", re.IGNORECASE)


def mission_name(board: str, key: str) -> str:
    """What the task's mission is called, on every machine and each time: its key, with a digest where that changes.

    A key that is a secret is a digest alone.
    """
    shown = key if redact(key).text == key else ""
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in shown.lower()).split()
    plain = "-".join(words)[:MAX_KEY_CHARS].strip("-")
    if plain != key:
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        plain = f"{plain}-{digest}" if plain else digest
    return slug(f"{board}-{plain}")


def source_mark(board: str, key: str) -> str:
    """The line by which the mission is known again."""
    return f"From {board}: {redacted_line(key, MAX_KEY_CHARS * 2)}"


def task_text(board: str, task: BoardTask, *, project: str, depends_on: Collection[str]) -> str:
    """The mission's file, without secrets."""
    title = redacted_line(task.title, MAX_TITLE_CHARS)
    fields: Mapping[str, str | int | list[str] | None] = {
        "title": title,
        "project": project or None,
        "task": CODING_TASK if project else None,
        "priority": task.priority,
        "depends_on": sorted(depends_on),
    }
    labels = redacted_line(", ".join(task.labels), MAX_LABEL_CHARS)
    facts = [source_mark(board, task.key)]
    facts += [f"Its state there: {redacted_line(task.state, 40)}"] if task.state else []
    facts += [f"Labels: {labels}"] if labels else []
    body = shorten(_plain(redact(task.body).text), MAX_BODY_CHARS)
    return mission_text("\n\n".join(filter(None, (body or title, "\n".join(facts)))), fields)


def _plain(text: str) -> str:
    """Text without what moves a cursor, and with no mark of ours: behind one of them a node's own part would begin."""
    text = _OUR_MARK.sub("<!- ", text)
    return "\n".join(printable(line.replace("\t", "    ")) for line in text.strip().splitlines())
