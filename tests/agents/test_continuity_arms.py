"""Each arm of a study reaches the model of a real coding agent as it is meant, at the start or at the action.

The stand-in's policy is fixed: it builds in the mode that what it was given calls the working one, else in one that the
journal says fails, and tries twice. So what it does shows what reached it. This says nothing about any model.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orchestrator.continuity.arms import Arm, ArmMaker
from orchestrator.continuity.scenarios.build_task import BuildTask, prepare, tasks_of
from orchestrator.continuity.scenarios.history_generator import generate_history
from orchestrator.core.ports.action_warner import ActionWarner, Unwarned
from orchestrator.execution.journal_warner import JournalWarner, WarningForm
from tests.agents.hands import HANDS
from tests.agents.standin import Asked, ModelApi, Turn
from tests.agents.test_programs import Desk
from tests.journal_warnings import look_up_in
from tests.orchestrator.conftest import bubblewrap, server
from tests.orchestrator.continuity.studies import count
from tests.orchestrator.repositories import Server

__all__ = ["bubblewrap", "server"]

HISTORY, OTHER = generate_history(7, 0), generate_history(7, 1)
TASK: BuildTask = tasks_of(HISTORY)[0]
FAILS, WORKS = HISTORY.traps.errors[0][0], HISTORY.traps.works
SAID = re.compile(r"--mode (\w+)`, because|mode of build\.py that works: (\w+)")


def command(mode: str) -> str:
    """Puts the setting back, leaves a trace of having run, and builds."""
    name, value = TASK.setting.key, TASK.setting.current
    line = f"{name} = {value}" if HISTORY.separator == "equals" else f"{name}: {value}"
    return f"echo {mode} >>tried.txt; echo '{line}' >settings.conf; python3 build.py --mode {mode} && echo it-is-built"


def policy(asked: Asked) -> Turn:
    """What the stand-in does."""
    given = json.dumps(asked.body)
    said = [one or other for one, other in SAID.findall(given) if (one or other) in HISTORY.traps.modes]
    if given.count('"tool_result"') >= 2 or re.search(r"\\nit-is-built|\}it-is-built", given):
        return Turn(text="Done.")
    shell = HANDS["claude"].shell
    assert shell
    return shell(command(said[-1] if said else FAILS))


@pytest.fixture
def desk(api: ModelApi, server: Server, bubblewrap: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A node whose project is the task's."""
    place = tmp_path / "task"
    place.mkdir()
    prepare(TASK, place)
    server.push({path.name: path.read_text() for path in place.iterdir()})
    api.policy = policy
    return Desk(api=api, server=server, sandbox=bubblewrap, tmp=tmp_path, setenv=monkeypatch.setenv)  # type: ignore[arg-type]


def warner(arm: Arm) -> ActionWarner:
    """What is said at the action in an arm."""
    forms = {Arm.AFTER: WarningForm.WITH_RESULT, Arm.REFUSED: WarningForm.REFUSE_ONCE}
    look_up = look_up_in(HISTORY.entries)
    return JournalWarner(look_up=look_up, form=forms[arm]) if arm in forms else Unwarned()


RAN = {
    Arm.NOTHING: [FAILS, FAILS],
    Arm.PLACEBO: [FAILS, FAILS],
    Arm.TAIL: [WORKS],
    Arm.RECALLED: [WORKS],
    Arm.HANDOFF: [WORKS],
    Arm.ORACLE: [WORKS],
    Arm.MISPLACED: [WORKS],
    Arm.AFTER: [FAILS, WORKS],
    Arm.REFUSED: [WORKS],
}
"""The modes in which it was really built, one after the other."""


def test_the_placebo_names_no_mode_of_ours() -> None:
    """Else the table above would say nothing of it, and all arms are in it."""
    assert OTHER.traps.works not in {WORKS, FAILS}
    assert set(RAN) == set(Arm)


@pytest.mark.nightly
@pytest.mark.parametrize("arm", list(Arm))
def test_what_an_arm_gives_arrives(desk: Desk, arm: Arm) -> None:
    """At the start or at the action, and where it should not, nothing does; a warning costs no denial."""
    maker = ArmMaker(history=HISTORY, placebo=OTHER, generation=3, budget=2000, count=count)
    context = maker.context(arm, TASK.request, TASK.commands)
    said = warner(arm)
    outcome = desk.run(HANDS["claude"], Turn(text="Done."), warner=said, context=context)
    assert (outcome.error, outcome.denials) == ("", ()), desk.output()
    assert desk.server.show("shiftbook/fix/1:tried.txt").split() == RAN[arm], desk.output()
    assert [one.verdict.value for one in said.heard][:1] == (["helped"] if arm in {Arm.AFTER, Arm.REFUSED} else [])
