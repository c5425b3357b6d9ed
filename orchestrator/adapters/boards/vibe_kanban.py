"""Which open tasks are on a board of vibe-kanban?

Its SQLite database (`db.sqlite`, tables `tasks` and `projects`, ids as 16 bytes), or JSON: a list of tasks as its API
gives them, alone, as `data` of an answer, or beside `projects`. It knows no priorities and no dependencies.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from missions.plain_data import read_json
from orchestrator.adapters.boards.board_values import MAX_BOARD_BYTES, first_file, open_board, word_priority
from orchestrator.core.errors import NotFound
from orchestrator.core.foreign_files import MAX_PASSED, PassedOver, read_up_to
from orchestrator.core.ports.task_board import MAX_TASKS, BoardReading, BoardTask
from orchestrator.execution.programs.json_events import objects_at, text_at, value_at

FILES = ("db.sqlite", "vibe-kanban/db.sqlite", "dev_assets/db.sqlite", "tasks.json", "export.json")
OPEN_STATES = frozenset({"todo", "inprogress", "inreview"})
MAX_JSON_BYTES = 32 * 1024 * 1024
MAX_TEXT_BYTES = 256 * 1024
MAX_TITLE_BYTES = 10_000
MAX_STEPS = 50
_TASKS = """
SELECT CASE WHEN length(CAST(t.id AS BLOB)) <= 200 THEN t.id END AS id,
       CASE WHEN length(CAST(t.title AS BLOB)) <= ?1 THEN t.title END AS title,
       substr(t.status, 1, 200) AS status, substr(p.name, 1, 200) AS project,
       CASE WHEN length(CAST(t.description AS BLOB)) <= ?2 THEN t.description END AS description
FROM tasks t LEFT JOIN projects p ON p.id = t.project_id ORDER BY t.created_at, t.id LIMIT 50000
"""


@dataclass(frozen=True, kw_only=True)
class VibeKanban:
    """A database or a file of JSON."""

    name: str = "vibe-kanban"

    def read(self, place: Path) -> BoardReading:
        """The open tasks. Raises NotFound."""
        path = first_file(place, FILES, "database of vibe-kanban (db.sqlite) and no export")
        with open_board(path) as file:
            is_database = file.read(16) == b"SQLite format 3\0"
        rows = _of_database(path) if is_database else _of_json(path)
        return _reading(rows, path)


def _of_database(path: Path) -> Iterator[dict[str, Any]]:
    """The rows, of which one alone is in memory. Raises NotFound."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as conn:
            steps = iter(range(MAX_STEPS))
            conn.set_progress_handler(lambda: next(steps, None) is None, 1_000_000)
            conn.text_factory = lambda data: data.decode("utf-8", "replace")
            conn.row_factory = sqlite3.Row
            conn.execute("PRAGMA trusted_schema = OFF")
            yield from (dict(row) for row in conn.execute(_TASKS, (MAX_TITLE_BYTES, MAX_TEXT_BYTES)))
    except sqlite3.Error as error:
        raise NotFound(f"{path} is no database of vibe-kanban that can be read: {error}") from error


def _of_json(path: Path) -> list[dict[str, Any]]:
    try:
        with open_board(path) as file:
            found = read_json(read_up_to(file, MAX_JSON_BYTES).decode("utf-8", "replace"))
    except ValueError as error:
        raise NotFound(f"{path} is neither a database of vibe-kanban nor JSON: {error}") from error
    whole = found if isinstance(found, dict) else {"tasks": found}
    names = {text_at(each, "id"): text_at(each, "name") for each in objects_at(whole, "projects")}
    tasks = objects_at(whole, "tasks") or objects_at(whole, "data") or objects_at(whole, "data", "tasks")
    return [{**each, "project": names.get(text_at(each, "project_id"), "")} for each in tasks]


def _reading(rows: Iterable[dict[str, Any]], path: Path) -> BoardReading:
    tasks, closed, passed, read = list[BoardTask](), 0, list[PassedOver](), 0
    for number, row in enumerate(rows, 1):
        state = str(value_at(row, "status") or "todo").replace("_", "").replace("-", "").casefold()
        task = _task(row, state)
        read += len(task.title) + len(task.body) if task and state in OPEN_STATES else 0
        if state not in OPEN_STATES:
            closed += 1
        elif task is None:
            passed.append(PassedOver(place=f"{path}: task {number}", why="has no id or title, or too long a one"))
        elif len(tasks) < MAX_TASKS and read <= MAX_BOARD_BYTES:
            tasks.append(task)
        else:
            why = f"is behind the first {MAX_TASKS:,}, or the first {MAX_BOARD_BYTES // 1024 // 1024} MiB"
            passed.append(PassedOver(place=f"{path}: task {number}", why=why))
    return BoardReading(tasks=tuple(tasks), closed=closed, passed=tuple(passed[:MAX_PASSED]))


def _task(row: dict[str, Any], state: str) -> BoardTask | None:
    key, title = next(_keys(row.get("id")), ""), text_at(row, "title").strip()
    if not key or not title:
        return None
    return BoardTask(
        key=key,
        title=title,
        body=text_at(row, "description"),
        priority=word_priority(text_at(row, "priority")),
        state=state,
        project=text_at(row, "project"),
    )


def _keys(value: object) -> Iterator[str]:
    """An id, which a database has as bytes."""
    if isinstance(value, bytes) and len(value) == 16:
        yield str(uuid.UUID(bytes=value))
    elif isinstance(value, str) and value.strip():
        yield value.strip()
