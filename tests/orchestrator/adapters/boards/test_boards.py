"""What does each reader of another program's board make of its files?

The shapes are those of the programs' own public repositories: beads' `.beads/issues.jsonl`, Backlog.md's
`backlog/tasks`, vibe-kanban's migrations.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import pytest

from orchestrator.adapters.boards import backlog_md, board_values
from orchestrator.app.factories.board_factory import task_board
from orchestrator.core.errors import NotFound
from orchestrator.core.foreign_files import open_foreign
from orchestrator.core.ports.task_board import BoardReading

ISSUES = [
    {"id": "bd-1", "title": "Stop the daemon", "description": "It is stale.", "status": "open", "priority": 0},
    {
        "id": "bd-2",
        "title": "Then restart",
        "status": "in_progress",
        "priority": 4,
        "labels": ["ops", "later"],
        "acceptance_criteria": "It runs.",
        "dependencies": [
            {"issue_id": "bd-2", "depends_on_id": "bd-1", "type": "blocks"},
            {"issue_id": "bd-2", "depends_on_id": "bd-9", "type": "parent-child"},
        ],
    },
    {"id": "bd-3", "title": "Done", "status": "closed"},
    {"id": "bd-4", "title": "Gone", "status": "tombstone"},
    {"id": "bd-9", "title": "All of it", "status": "open", "issue_type": "epic"},
    {"id": "bd-5", "title": "Before", "status": "closed"},
    {"id": "bd-5", "title": "Opened again", "status": "open"},
]
TASK = """---
id: BACK-355.01
title: 'Core: Add a type'
status: To Do
assignee: []
created_date: '2026-01-01 23:37'
labels:
  - core
dependencies: [BACK-1, task-2]
priority: high
---

## Description

<!-- SECTION:DESCRIPTION:BEGIN -->
Add the field.
<!-- SECTION:DESCRIPTION:END -->

## Acceptance Criteria
<!-- AC:BEGIN -->
- [ ] #1 It is read
<!-- AC:END -->
"""


def beads(folder: Path) -> Path:
    """A repository with issues, of which some lines are odd."""
    (folder / ".beads").mkdir()
    lines = [json.dumps(one) for one in ISSUES]
    odd = ["{", '{"id": "x"}', "[1]", "", '{"a":' * 50_000]
    (folder / ".beads/issues.jsonl").write_text("\n".join([*lines, *odd]) + "\n")
    return folder


def backlog(folder: Path) -> Path:
    """A project with tasks."""
    tasks = folder / "backlog/tasks"
    tasks.mkdir(parents=True)
    (tasks / "back-355.01 - Core.md").write_text(TASK)
    (tasks / "back-1 - Done.md").write_text("---\nid: BACK-1\ntitle: Done\nstatus: Done\n---\n")
    (tasks / "odd.md").write_text("no front matter\n")
    (tasks / "bomb.md").write_text("---\nid: &a [x]\ntitle: *a\n---\n")
    (folder / "backlog/drafts").mkdir()
    (folder / "backlog/drafts/draft-1.md").write_text("---\nid: draft-1\ntitle: A draft\n---\n")
    return folder


def vibe(folder: Path) -> Path:
    """A database as version 0.1 has it."""
    with closing(sqlite3.connect(folder / "db.sqlite")) as conn, conn:
        conn.execute("CREATE TABLE projects (id BLOB PRIMARY KEY, name TEXT)")
        conn.execute(
            "CREATE TABLE tasks (id BLOB PRIMARY KEY, project_id BLOB, title TEXT, description TEXT, status TEXT,"
            " created_at TEXT)"
        )
        project = uuid.UUID(int=7).bytes
        conn.execute("INSERT INTO projects VALUES (?, 'shop')", (project,))
        for number, status in enumerate(("todo", "inprogress", "done", "cancelled"), 1):
            ident = uuid.UUID(int=number).bytes
            row = (ident, project, f"Task {number}", "Do it.", status, "2026-01-01")
            conn.execute("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?)", row)
        conn.execute("INSERT INTO tasks VALUES (?, NULL, 'Odd', NULL, 'todo', '2026-01-02')", (b"x",))
    return folder


def read(board: str, place: Path) -> BoardReading:
    """What the board says."""
    return task_board(board).read(place)


def test_issues_of_beads(tmp_path: Path) -> None:
    """The last line for an id counts; what holds others is told, as are lines that are none."""
    found = read("beads", beads(tmp_path))
    assert [task.key for task in found.tasks] == ["bd-1", "bd-2", "bd-5"]
    first, second, third = found.tasks
    assert (first.priority, first.body, first.depends_on) == (4, "It is stale.", ())
    assert (second.priority, second.depends_on, second.labels) == (0, ("bd-1",), ("ops", "later"))
    assert second.body == "## Acceptance criteria\n\nIt runs."
    assert (third.title, third.priority) == ("Opened again", 2)
    assert found.closed == 2
    assert len(found.passed) == 5
    assert read("beads", tmp_path / ".beads/issues.jsonl") == found


def test_tasks_of_backlog_md(tmp_path: Path) -> None:
    """Done ones, drafts and what cannot be read are none; its own marks are left out."""
    found = read("backlog-md", backlog(tmp_path))
    (task,) = found.tasks
    assert (task.key, task.title, task.priority) == ("back-355.01", "Core: Add a type", 3)
    assert (task.depends_on, task.labels, task.state) == (("back-1", "task-2"), ("core",), "To Do")
    assert "<!--" not in task.body
    assert "Add the field." in task.body
    assert (found.closed, len(found.passed)) == (1, 2)
    assert read("backlog-md", tmp_path / "backlog/tasks") == found
    assert read("backlog-md", tmp_path / "backlog/tasks/back-355.01 - Core.md").tasks == found.tasks


def test_tasks_of_vibe_kanban(tmp_path: Path) -> None:
    """Of its database, and of JSON in three forms."""
    found = read("vibe-kanban", vibe(tmp_path))
    assert [(task.title, task.project, task.state) for task in found.tasks] == [
        ("Task 1", "shop", "todo"),
        ("Task 2", "shop", "inprogress"),
    ]
    assert found.tasks[0].key == str(uuid.UUID(int=1))
    assert (found.closed, len(found.passed)) == (2, 1)
    tasks = [
        {"id": "a", "title": "A", "status": "todo", "project_id": "p"},
        {"id": "b", "title": "B", "status": "done"},
    ]
    whole = {"projects": [{"id": "p", "name": "shop"}], "tasks": tasks}
    for form in (tasks, {"success": True, "data": tasks}, whole):
        (tmp_path / "tasks.json").write_text(json.dumps(form))
        found = read("vibe-kanban", tmp_path / "tasks.json")
        assert ([task.key for task in found.tasks], found.closed) == (["a"], 1)


@pytest.mark.parametrize("board", ["beads", "backlog-md", "vibe-kanban"])
def test_what_is_no_board_is_not_found(board: str, tmp_path: Path) -> None:
    """A folder without one, a link to one, a pipe, a file of something else that must be one."""
    with pytest.raises(NotFound):
        read(board, tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("{}\n")
    (tmp_path / "link").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(NotFound):
            read(board, tmp_path / name)


@pytest.mark.parametrize("data", [b"", b"no JSON", b"SQLite format 3\0" + b"\xff" * 4000, b"[" * 100_000])
def test_a_broken_file_of_vibe_kanban_is_said(data: bytes, tmp_path: Path) -> None:
    """In one line."""
    (tmp_path / "db.sqlite").write_bytes(data)
    with pytest.raises(NotFound):
        read("vibe-kanban", tmp_path)


@pytest.mark.parametrize("board", ["beads", "backlog-md", "vibe-kanban"])
def test_of_a_huge_board_only_so_much_is_read(board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told that there is more."""
    make = {"beads": beads, "backlog-md": backlog, "vibe-kanban": vibe}[board]
    module = {"beads": "beads", "backlog-md": "backlog_md", "vibe-kanban": "vibe_kanban"}[board]
    make(tmp_path)
    whole = read(board, tmp_path)
    monkeypatch.setattr(f"orchestrator.adapters.boards.{module}.MAX_BOARD_BYTES", 12)
    found = read(board, tmp_path)
    assert len(found.tasks) < len(whole.tasks)
    assert any("first" in one.why for one in found.passed)


def test_a_title_without_end_is_not_loaded(tmp_path: Path) -> None:
    """Nor is one that hides its length behind a byte that ends texts."""
    vibe(tmp_path)
    with closing(sqlite3.connect(tmp_path / "db.sqlite")) as conn, conn:
        conn.execute("UPDATE tasks SET title = 'a' || char(0) || hex(zeroblob(200000)) WHERE title = 'Task 1'")
    assert [task.title for task in read("vibe-kanban", tmp_path).tasks] == ["Task 2"]


def test_odd_lines_are_told_only_so_often(tmp_path: Path) -> None:
    """A file of nothing else fills no memory."""
    (tmp_path / "issues.jsonl").write_text("{\n" * 5_000)
    found = read("beads", tmp_path)
    assert len(found.passed) == 1_000
    assert "not read" in found.passed[0].why


def test_a_task_that_cannot_be_read_is_told_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be closed to this user, or gone since it was listed."""

    def closed(top: Path, parts: tuple[str, ...]) -> BinaryIO:
        if parts == ("bad.md",):
            raise PermissionError(13, "Permission denied", parts[-1])
        return open_foreign(top, parts)

    monkeypatch.setattr(backlog_md, "open_foreign", closed)
    place = backlog(tmp_path)
    before = [task.key for task in read("backlog-md", place).tasks]
    (place / "backlog/tasks/bad.md").write_text("---\nid: bad\ntitle: Bad\n---\n")
    found = read("backlog-md", place)
    assert [task.key for task in found.tasks] == before
    assert [one.why for one in found.passed if one.place.endswith("bad.md")] == ["cannot be read: Permission denied"]


@pytest.mark.parametrize("board", ["beads", "vibe-kanban"])
def test_a_board_that_cannot_be_read_is_said_with_its_place(
    board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by the name of its file alone."""

    def closed(top: Path, parts: tuple[str, ...]) -> BinaryIO:
        raise PermissionError(13, "Permission denied", parts[-1])

    place = {"beads": beads, "vibe-kanban": vibe}[board](tmp_path)
    monkeypatch.setattr(board_values, "open_foreign", closed)
    with pytest.raises(NotFound, match=rf"{re.escape(str(tmp_path))}.* cannot be read: Permission denied"):
        read(board, place)
