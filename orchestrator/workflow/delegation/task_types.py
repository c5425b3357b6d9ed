"""Which task types does this machine know, and who does a mission of each?

A mission's task is `<task_type>:<description>`. What the ledger has a task for is done as a mission of the ledger;
other types are functions that an installed package offers under the entry points `shiftbook.task_types`:

    [project.entry-points."shiftbook.task_types"]
    invoice = "our_package.invoices:make_invoice"

The function takes a TaskJob and returns what is told as the result, as JSON has it. What no machine knows goes to the
dead letters with its reason. Only what is installed on a machine can add a type: nothing that is pushed or sent can.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from missions.mission import UPDATE_TASK
from orchestrator.core.errors import OrchestratorError, WrongSetting
from orchestrator.workflow.delegation.envelope import LEDGER_TASKS, DelegationEnvelope

GROUP = "shiftbook.task_types"
TYPE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}(:[a-z][a-z0-9_]{0,39})?")


class TaskImpossible(OrchestratorError):
    """No attempt of any worker will do this: it goes to the dead letters at once."""


class TaskInterrupted(OrchestratorError):
    """It was not this worker's to end: the mission goes back, and no attempt counts."""


class TaskCarried(OrchestratorError):
    """The ledger carries it from here on, and says what becomes of it."""


@dataclass(frozen=True, kw_only=True)
class TaskJob:
    """One attempt at one mission, as a handler gets it. `stopped` says that its result will not be taken any more."""

    envelope: DelegationEnvelope
    task_type: str
    description: str
    attempt: int
    stopped: Callable[[], bool]


class TaskHandler(Protocol):
    """Does missions of one type; several threads may ask it at once."""

    def __call__(self, job: TaskJob) -> Mapping[str, Any] | None:
        """The result. Raises TaskImpossible where no attempt helps; whatever else it raises is a failed attempt."""


def admins_alone(job: TaskJob) -> Mapping[str, Any] | None:
    """The handler of updates: which program a node runs is no bus' to say. Raises TaskImpossible."""
    raise TaskImpossible(f"{job.task_type} comes by no bus: an admin signs it (shiftbook update --fleet --to TAG)")


@dataclass(frozen=True, kw_only=True)
class TaskTypes:
    """The types with their handlers."""

    handlers: Mapping[str, TaskHandler] = field(default_factory=dict)

    @property
    def has_own(self) -> bool:
        """Whether this machine does anything that the ledger does not do."""
        return any(kind not in LEDGER_TASKS and kind != UPDATE_TASK for kind in self.handlers)

    def find(self, task: str) -> tuple[str, str, TaskHandler]:
        """The type, the description and who does it. Raises TaskImpossible for a type that is not known."""
        known = [name for name in self.handlers if task.startswith(f"{name}:")]
        if not known:
            shown = ":".join(task.split(":")[:2])[:60]
            raise TaskImpossible(f"unknown task type in {shown!r}: known are {', '.join(sorted(self.handlers))}")
        name = max(known, key=len)
        return name, task.removeprefix(f"{name}:").strip(), self.handlers[name]


def load_task_types(ledger: TaskHandler | None) -> TaskTypes:
    """The types of this machine; `ledger` does what the ledger has a task for, None where nobody works on that here.

    Raises WrongSetting for an entry point that cannot be one.
    """
    handlers: dict[str, TaskHandler] = {UPDATE_TASK: admins_alone}
    if ledger is not None:
        handlers |= dict.fromkeys(LEDGER_TASKS, ledger)
    for found in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        handlers[_free_name(found, handlers)] = _loaded(found)
    return TaskTypes(handlers=handlers)


def _free_name(found: EntryPoint, taken: Mapping[str, TaskHandler]) -> str:
    if not TYPE_NAME.fullmatch(found.name) or found.name in (*taken, *LEDGER_TASKS):
        raise WrongSetting(
            GROUP, f"{found.value} cannot be the task type {found.name!r}: small letters, digits and _, and not taken"
        )
    return found.name


def _loaded(found: EntryPoint) -> TaskHandler:
    try:
        handler = found.load()
    except Exception as error:  # whatever a package does when it is loaded
        raise WrongSetting(GROUP, f"{found.name} = {found.value} cannot be loaded: {error}") from error
    if not callable(handler):
        raise WrongSetting(GROUP, f"{found.name} = {found.value} is no function")
    return handler  # type: ignore[no-any-return]
