"""Which open tasks are in a file of beads?

Its `issues.jsonl` (before: `beads.jsonl`), one issue a line, whose last line for an id counts. Priority 0 is the
highest and 2 the usual one. Of its kinds of dependency those that block count; a parent only holds its children.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from missions.plain_data import read_json
from orchestrator.adapters.boards.board_values import MAX_BOARD_BYTES, first_file, open_board, texts
from orchestrator.core.foreign_files import MAX_PASSED, LineState, PassedOver, bounded_lines
from orchestrator.core.ports.task_board import MAX_TASKS, BoardReading, BoardTask
from orchestrator.execution.programs.json_events import objects_at, text_at, value_at

FILES = (".beads/issues.jsonl", ".beads/beads.jsonl", "issues.jsonl", "beads.jsonl")
OPEN_STATES = frozenset({"open", "in_progress", "blocked", "deferred", "hooked", ""})
BLOCKING = frozenset({"blocks", "conditional-blocks", "waits-for"})
HOLDERS = frozenset({"epic", "message", "molecule", "gate", "event", "convoy", "merge-request"})
"""Kinds of issues that hold others or belong to its own machinery, and are no work by themselves."""
USUAL_PRIORITY = 2
PARTS = (("description", ""), ("design", "Design"), ("acceptance_criteria", "Acceptance criteria"), ("notes", "Notes"))
MAX_ISSUES = 50_000


@dataclass(frozen=True, kw_only=True)
class Beads:
    """Issues as JSON lines."""

    name: str = "beads"

    def read(self, place: Path) -> BoardReading:
        """The open issues. Raises NotFound."""
        path = first_file(place, FILES, "file of beads (.beads/issues.jsonl)")
        passed: list[PassedOver] = []
        issues = _issues(path, passed)
        tasks, closed = list[BoardTask](), 0
        for key, issue in issues.items():
            if text_at(issue, "status") not in OPEN_STATES:
                closed += 1
            elif (kind := text_at(issue, "issue_type")) in HOLDERS:
                passed.append(PassedOver(place=key, why=f"is of the kind {kind}: no work itself"))
            elif len(tasks) < MAX_TASKS:
                tasks.append(_task(key, issue))
            else:
                passed.append(PassedOver(place=key, why=f"is behind the first {MAX_TASKS:,}"))
        return BoardReading(tasks=tuple(tasks), closed=closed, passed=tuple(passed[:MAX_PASSED]))


def _issues(path: Path, passed: list[PassedOver]) -> dict[str, dict[str, Any]]:
    issues: dict[str, dict[str, Any]] = {}
    read = 0
    with open_board(path) as file:
        for number, data, state in bounded_lines(file):
            read += len(data)
            if read > MAX_BOARD_BYTES or len(passed) >= MAX_PASSED:
                why = f"is behind the first {MAX_BOARD_BYTES // 1024 // 1024} MiB, or behind too many odd lines"
                passed.insert(0, PassedOver(place=f"{path}:{number}", why=f"{why}: this and what follows is not read"))
                break
            found, why = _issue(data, state)
            if found and len(issues) < MAX_ISSUES:
                issues[text_at(found, "id")] = found
            elif why:
                passed.append(PassedOver(place=f"{path}:{number}", why=why))
    return issues


def _issue(data: bytes, state: LineState) -> tuple[dict[str, Any], str]:
    """The issue of a line, or why it is none."""
    if state is LineState.TOO_LONG:
        return {}, "is too long"
    if not data.strip():
        return {}, ""
    try:
        found = read_json(data.decode("utf-8", "replace"))
    except ValueError as error:
        return {}, f"is no JSON: {error}"
    if not isinstance(found, dict) or not text_at(found, "id") or not text_at(found, "title"):
        return {}, "is no issue: it has no id or no title"
    return found, ""


def _task(key: str, issue: dict[str, Any]) -> BoardTask:
    rank = value_at(issue, "priority")
    rank = rank if isinstance(rank, int) and not isinstance(rank, bool) and 0 <= rank <= 4 else USUAL_PRIORITY
    parts = [(heading, text_at(issue, name)) for name, heading in PARTS]
    said = [f"## {heading}\n\n{text}" if heading else text for heading, text in parts if text.strip()]
    blocks = [
        text_at(each, "depends_on_id")
        for each in objects_at(issue, "dependencies")
        if text_at(each, "type") in BLOCKING
    ]
    return BoardTask(
        key=key,
        title=text_at(issue, "title"),
        body="\n\n".join(said),
        priority=4 - rank,
        depends_on=texts([each for each in blocks if each != key]),
        labels=texts(value_at(issue, "labels")),
        state=text_at(issue, "status"),
    )
