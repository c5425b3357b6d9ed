"""Does what an instance did come out right? A small task, carried out in a folder of its own and judged by running it.

The instance sets one setting and builds. What it says is closed choices, so nothing of its words is ever run: the only
program here is ours, which it hands a mode, and which reads the file of settings as data. What counts is what the
program did: it fails in the traps that the journal tells of, and its check says which of the decisions were kept.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from orchestrator.continuity.scenarios import vocabulary
from orchestrator.continuity.scenarios.project_history import ProjectHistory, SettingHistory
from orchestrator.core.errors import WrongSetting
from sync import files

RUN_SECONDS = 60.0
"""A build takes a hundredth of a second; a machine under load may take its time."""

_PROGRAM = """\
import sys

with open("settings.conf", encoding="utf-8") as file:
    lines = file.read().splitlines()
name, value = truth["key"], truth["value"]
right = {"equals": " = ", "colon": ": "}[truth["separator"]]
kept = {
    "value": any(line in (f"{name} = {value}", f"{name}: {value}") for line in lines),
    "convention": all(right in line for line in lines),
    "superseded": any(line.removeprefix(name).lstrip(" =:") in truth["superseded"] for line in lines),
}
print("kept:", *(what for what, holds in kept.items() if holds))
if sys.argv[2] in truth["errors"]:
    sys.exit(truth["errors"][sys.argv[2]])
"""
"""Prints which of the decisions the settings keep, and builds, or fails as `truth` before it says. It loads no module
that Python does not load by itself: `json` and `pathlib` would take twice as long as all else."""


@dataclass(frozen=True, kw_only=True)
class BuildAction:
    """What an instance does in one turn: the value, how it is written, how it is built."""

    value: str
    separator: str
    mode: str

    @property
    def command(self) -> str:
        """The command that it comes to."""
        return f"python build.py --mode {self.mode}"


@dataclass(frozen=True, kw_only=True)
class ActionOutcome:
    """What came of an action: whether it built, the error if not, and what of it was as decided."""

    built: bool
    error: str
    value: bool
    convention: bool
    superseded: bool

    @property
    def accepted(self) -> bool:
        """Whether all of it is right."""
        return self.built and self.value and self.convention


@dataclass(frozen=True, kw_only=True)
class BuildTask:
    """Set one setting as it was decided, write it as the project does, and build."""

    item: str
    request: str
    values: tuple[str, ...]
    modes: tuple[str, ...]
    setting: SettingHistory
    history: ProjectHistory

    @property
    def separators(self) -> tuple[str, ...]:
        """How it may be written."""
        return tuple(name for name, _ in vocabulary.SEPARATORS)

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that it may come to."""
        return tuple(f"python build.py --mode {mode}" for mode in self.modes)

    @property
    def right(self) -> BuildAction:
        """The one action that is accepted."""
        return BuildAction(value=self.setting.current, separator=self.history.separator, mode=self.history.traps.works)


def tasks_of(history: ProjectHistory) -> tuple[BuildTask, ...]:
    """One for each setting whose value changed: what was decided first is wrong by now."""
    return tuple(_task(history, one) for one in history.settings if one.current and one.superseded)


def _task(history: ProjectHistory, setting: SettingHistory) -> BuildTask:
    other = str(int(max(setting.values, key=int)) + 1)
    return BuildTask(
        item=f"{history.name}/task/{setting.key}",
        request=(
            f"Project {history.name}: settings.conf lost the {setting.name.casefold()}. Put it back with the value "
            "that was decided last, written as this project writes settings, and build with build.py in a mode that "
            "works."
        ),
        values=tuple(sorted([*setting.values, other])),
        modes=history.traps.modes,
        setting=setting,
        history=history,
    )


def prepare(task: BuildTask, folder: Path) -> None:
    """Writes the task's program, with what it judges by in it, into a folder."""
    truth = {
        "key": task.setting.key,
        "value": task.setting.current,
        "superseded": task.setting.superseded,
        "separator": task.history.separator,
        "errors": dict(task.history.traps.errors),
    }
    files.replace(folder / "build.py", f"truth = {truth!r}\n{_PROGRAM}", durable=False)


def carry_out(task: BuildTask, action: BuildAction, folder: Path) -> ActionOutcome:
    """Does it in a prepared folder. An action that is none of the choices is a ValueError, before anything runs."""
    if action.value not in task.values or action.separator not in task.separators or action.mode not in task.modes:
        raise ValueError("an action is one of the task's choices")
    written = dict(vocabulary.SEPARATORS)[action.separator]
    line = written.replace("name", task.setting.key).replace("value", action.value)
    files.replace(folder / "settings.conf", line + "\n", durable=False)
    words = [sys.executable, "-I", "-S", str(folder / "build.py"), "--mode", action.mode]
    try:
        built = subprocess.run(
            words, cwd=folder, env={}, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise WrongSetting("DIR", f"a build of {task.item} took more than {RUN_SECONDS:.0f} s; run it again") from None
    head, *kept = built.stdout.split() or [""]
    if head != "kept:":
        raise WrongSetting("DIR", f"a build of {task.item} said nothing of what it kept: {built.stderr.strip()}")
    return ActionOutcome(
        built=built.returncode == 0,
        error=built.stderr.strip(),
        value="value" in kept,
        convention="convention" in kept,
        superseded="superseded" in kept,
    )
