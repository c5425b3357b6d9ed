"""Which open tasks are on a board of Backlog.md?

One Markdown file a task in `backlog/tasks/`, with front matter in YAML; drafts, completed and archived tasks lie in
other folders and are not read. Its marks of sections are comments, and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from missions.errors import Malformed
from missions.yaml_parser import parse_yaml
from orchestrator.adapters.boards.board_values import MAX_BOARD_BYTES, MAX_FILE_BYTES, open_board, texts, word_priority
from orchestrator.core.errors import NotFound
from orchestrator.core.foreign_files import (
    PassedOver,
    find_files,
    is_file,
    is_folder,
    is_ours,
    open_foreign,
    read_up_to,
)
from orchestrator.core.ports.task_board import MAX_TASKS, BoardReading, BoardTask
from orchestrator.execution.programs.json_events import text_at, value_at

FOLDERS = ("backlog/tasks", ".backlog/tasks", "tasks", ".")
CLOSED_STATES = frozenset({"done", "completed", "complete", "closed", "cancelled", "canceled", "archived"})
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?(.*)\Z", re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"^[ \t]*<!-- (?:SECTION:[A-Z_]+|[A-Z]+):(?:BEGIN|END) -->[ \t]*\r?\n?", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class BacklogMd:
    """A folder of tasks, or one of them."""

    name: str = "backlog-md"

    def read(self, place: Path) -> BoardReading:
        """The open tasks. Raises NotFound."""
        passed: list[PassedOver] = []
        tasks: dict[str, BoardTask] = {}
        closed = 0
        for path, text in _files(place.absolute(), passed):
            found = _task(text)
            if isinstance(found, str):
                passed.append(PassedOver(place=str(path), why=found))
            elif found.state.casefold() in CLOSED_STATES:
                closed += 1
            elif found.key not in tasks and len(tasks) < MAX_TASKS:
                tasks[found.key] = found
            else:
                why = "has an id that stands twice" if found.key in tasks else f"is behind the first {MAX_TASKS:,}"
                passed.append(PassedOver(place=str(path), why=why))
        return BoardReading(tasks=tuple(tasks.values()), closed=closed, passed=tuple(passed))


def _files(place: Path, passed: list[PassedOver]) -> Iterator[tuple[Path, str]]:
    """The tasks' files with their texts. Raises NotFound."""
    if is_file(place) and is_ours(place):
        with open_board(place) as file:
            yield place, _text(file)
        return
    here = (place / name for name in FOLDERS if is_folder(place / name))
    top = next((each for each in here if each != place or any(place.glob("*.md"))), None)
    if top is None:
        raise NotFound(f"{place} has no backlog/tasks: name the folder of the project, or of the tasks")
    read = 0
    for each in find_files(top, _is_task, passed, depth=0):
        read += min(each.size, MAX_FILE_BYTES)
        if read > MAX_BOARD_BYTES:
            why = f"is behind the first {MAX_BOARD_BYTES // 1024 // 1024} MiB: this and what follows is not read"
            passed.append(PassedOver(place=str(each.path), why=why))
            return
        if each.size > MAX_FILE_BYTES:
            passed.append(PassedOver(place=str(each.path), why="is larger than 1 MiB"))
        else:
            try:
                with open_foreign(top, each.parts) as file:
                    text = _text(file)
            except OSError as error:  # closed to this user, or gone meanwhile: the others are read
                passed.append(PassedOver(place=str(each.path), why=f"cannot be read: {error.strerror or error}"))
                continue
            yield each.path, text


def _is_task(parts: tuple[str, ...]) -> bool:
    return parts[-1].endswith(".md") and parts[-1].casefold() != "readme.md"


def _text(file: BinaryIO) -> str:
    return read_up_to(file, MAX_FILE_BYTES).decode("utf-8", "replace")


def _task(text: str) -> BoardTask | str:
    """The task of a file, or why it is none."""
    found = _FRONT.match(text)
    if found is None:
        return "has no front matter"
    try:
        fields, _, _ = parse_yaml(found[1])
    except Malformed as error:
        return str(error)
    said = {str(key): value for key, value in fields.items()}
    key, title = text_at(said, "id").strip(), text_at(said, "title").strip()
    if not key or not title:
        return "has no id or no title"
    return BoardTask(
        key=key.casefold(),
        title=title,
        body=_MARK.sub("", found[2]).strip(),
        priority=word_priority(text_at(said, "priority")),
        depends_on=tuple(each.casefold() for each in texts(value_at(said, "dependencies"))),
        labels=texts(value_at(said, "labels")),
        state=text_at(said, "status").strip(),
    )
