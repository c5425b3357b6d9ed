"""How does a board of another program come into the ledger: once, in one commit, after a look at what it comes to?

A task is known again by its mission's name and by the line that says where it came from, in whatever state the mission
is. What depends on a task that is not open there any more waits for nothing; a circle is opened where it would close.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from orchestrator.core.errors import OrchestratorError, Refused
from orchestrator.core.foreign_files import PassedOver
from orchestrator.core.ports.task_board import BoardReading, BoardTask
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.workflow.boards.task_mission import mission_name, source_mark, task_text
from orchestrator.workflow.side_by_side.mission_split import runnable_files
from sync.remote import Oid


@dataclass(frozen=True, kw_only=True)
class TaskDraft:
    """A mission that is to be filed of a task."""

    key: str
    name: str
    title: str
    priority: int | None
    depends_on: tuple[str, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class BoardPlan:
    """What an import comes to, before anything is written."""

    board: str
    drafts: tuple[TaskDraft, ...]
    known: int
    closed: int
    passed: tuple[PassedOver, ...]


@dataclass(frozen=True, kw_only=True)
class BoardImport:
    """Files the tasks of a board, signed by the person at this machine."""

    bus: Transport
    reader: SnapshotReader
    ledger: Callable[[], LedgerSnapshot]

    def plan(self, board: str, reading: BoardReading, *, project: str = "") -> BoardPlan:
        """The missions that are missing; nothing is written."""
        return plan_board(self.ledger(), board, reading, project=project)

    def write(self, board: str, reading: BoardReading, *, project: str = "") -> tuple[BoardPlan, Oid | None]:
        """Files them in one commit; None where nothing is missing."""
        made = self.plan(board, reading, project=project)

        def draft(ledger: LedgerSnapshot) -> LedgerChange | None:
            nonlocal made
            made = plan_board(ledger, board, reading, project=project)
            files = {f"{MISSIONS}/{one.name}.md": one.text.encode() for one in made.drafts}
            count = len(made.drafts)
            words = f"Missions: {count} task{'s' * (count != 1)} of {board}"
            return LedgerChange(files=files, message=words) if files else None

        return made, commit_change(self.bus, self.reader, draft)


def plan_board(ledger: LedgerSnapshot, board: str, reading: BoardReading, *, project: str) -> BoardPlan:
    """Which missions a board comes to in this ledger."""
    passed, known = list(reading.passed), dict[str, str]()
    fresh: list[BoardTask] = []
    for task in reading.tasks:
        name = mission_name(board, task.key)
        there = ledger.open.get(name) or ledger.archived(name)
        if there is None:
            fresh.append(task)
        elif source_mark(board, task.key) in there.mission.body.splitlines():
            known[task.key] = name
        else:
            passed.append(PassedOver(place=task.key, why=f"the name {name} is another mission's"))
    names = {task.key: mission_name(board, task.key) for task in fresh}
    waits = _without_circles({task.key: [key for key in task.depends_on if key in names] for task in fresh})
    drafts = []
    for task in fresh:
        depends_on = tuple(sorted({*(names[key] for key in waits[task.key]), *_open(known, task, ledger)}))
        try:
            drafts.append(_draft(ledger, board, task, names[task.key], project, depends_on))
        except OrchestratorError as error:
            passed.append(PassedOver(place=task.key, why=f"becomes no mission: {error}"))
    return BoardPlan(board=board, drafts=tuple(drafts), known=len(known), closed=reading.closed, passed=tuple(passed))


def _draft(
    ledger: LedgerSnapshot, board: str, task: BoardTask, name: str, project: str, depends_on: tuple[str, ...]
) -> TaskDraft:
    """Raises WrongSetting and Refused for what could not run."""
    text = task_text(board, task, project=project, depends_on=depends_on)
    filed = runnable_files(ledger, name, text)
    if list(filed) != [name]:
        raise Refused("it asks for several attempts")
    return TaskDraft(
        key=task.key, name=name, title=task.title, priority=task.priority, depends_on=depends_on, text=filed[name]
    )


def _open(known: Mapping[str, str], task: BoardTask, ledger: LedgerSnapshot) -> Iterable[str]:
    """Missions of an earlier import that the task waits for and that are not done."""
    return (known[key] for key in task.depends_on if key in known and known[key] in ledger.open)


def _without_circles(waits: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The same without each edge that would close a circle: one that leads back onto the way to where it begins.

    Each edge is walked once, depth first.
    """
    kept: dict[str, list[str]] = {}
    for begin in waits:
        way = {} if begin in kept else {begin: iter(waits[begin])}
        kept.setdefault(begin, [])
        while way:
            key = next(reversed(way))
            other = next(way[key], None)
            if other is None:
                del way[key]
            elif other not in way:
                kept[key].append(other)
                if other not in kept:
                    kept[other], way[other] = [], iter(waits[other])
    return kept
