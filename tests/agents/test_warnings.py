"""The journal's warnings reach the models of the real programs, once, and are no denial: through their hooks, and where
none runs through the bash that they start.

No program shows its model a line before an action that it has decided on: it comes with the result, or instead of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from handoff.warnings.heard_warnings import WarningVerdict
from orchestrator.core.ports.action_warner import REFUSED_ONCE, WARNING_FRAME
from orchestrator.execution.hooks import bash_lines, hook_socket
from orchestrator.execution.journal_warner import JournalWarner, WarningForm
from tests.agents.acp_hands import ACP_HANDS
from tests.agents.hands import HANDS
from tests.agents.hostile import sprung, traps
from tests.agents.standin import Asked, ModelApi, Turn
from tests.agents.test_acp_programs import place
from tests.agents.test_programs import Desk
from tests.journal_warnings import journal_of, look_up_in
from tests.orchestrator.conftest import bubblewrap, server
from tests.orchestrator.repositories import Server
from tests.waiting import PATIENCE

__all__ = ["bubblewrap", "server"]

FAILS, WORKS = "./build.sh --mode parallel", "./build.sh --mode serial"
LESSON = "Build with `build.sh --mode serial`, because `./build.sh --mode parallel` fails"
SCRIPT = '#!/bin/sh\necho "built in $2"\n[ "$2" != parallel ]\n'


@pytest.fixture
def desk(api: ModelApi, server: Server, bubblewrap: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A node whose project has a way of building that fails."""
    server.push({"build.sh": SCRIPT, "docs/index.md": "# Documents\n"})
    return Desk(api=api, server=server, sandbox=bubblewrap, tmp=tmp_path, setenv=monkeypatch.setenv)  # type: ignore[arg-type]


def warner(form: WarningForm, *lines: str) -> JournalWarner:
    """One of a journal with these lessons."""
    return JournalWarner(look_up=look_up_in(journal_of(*(lines or (LESSON,)))), form=form)


def given(asked: Sequence[Asked], place: int) -> str:
    """All that a call of the model was given."""
    return json.dumps(asked[place].body, ensure_ascii=False)


PROGRAMS = ["claude", *(pytest.param(name, marks=pytest.mark.nightly) for name in ("codex", "copilot"))]


@pytest.mark.parametrize("name", PROGRAMS)
def test_with_the_result(desk: Desk, name: str) -> None:
    """What fails is run, its warning stands in the next request and in none before, each line once; it is in nobody's
    way: the same command is run again without a word, and what works is told as help."""
    hands = (HANDS | ACP_HANDS)[name]
    assert hands.shell
    said = warner(WarningForm.WITH_RESULT)
    turns = [hands.shell(f"sh {FAILS}"), hands.shell(f"sh {WORKS} >built.txt"), Turn(text="Done.")]
    outcome = desk.run(hands, *turns, warner=said)
    assert (outcome.error, outcome.parked, outcome.denials) == ("", "", ()), desk.output()
    asked = [given(desk.api.asked, place) for place in range(3)]
    assert [WARNING_FRAME in one for one in asked] == [False, True, True], desk.output()
    assert [one.count(WARNING_FRAME) for one in asked] == [0, 1, 1]  # what was said stays said, nothing is said again
    assert "built in parallel" in asked[1]
    assert 'claude at desktop wrote: \\"' in asked[1]
    assert [one.verdict for one in said.heard] == [WarningVerdict.HELPED]


FORM = WarningForm.WITH_RESULT
BY_BASH = ["gemini", "opencode", "qwen"]


@pytest.mark.nightly
@pytest.mark.parametrize("form", list(WarningForm))
@pytest.mark.parametrize("name", BY_BASH)
def test_without_a_hook(desk: Desk, name: str, form: WarningForm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines come with the command's own output, once, in either form; nothing of it stands in the work."""
    monkeypatch.setattr(bash_lines, "WAIT_SECONDS", PATIENCE)
    hands = (HANDS | ACP_HANDS)[name]
    assert hands.shell
    said = warner(form)
    turns = [hands.shell(f"sh {FAILS}"), hands.shell(f"sh {FAILS}; sh {WORKS} >built.txt"), Turn(text="Done.")]
    outcome = desk.run(hands, *turns, warner=said)
    assert (outcome.error, outcome.parked, outcome.denials, outcome.files) == ("", "", (), ("built.txt",))
    asked = [given(desk.api.asked, place) for place in range(3)]
    assert [one.count(WARNING_FRAME) for one in asked] == [0, 1, 1], desk.output()
    assert "claude at desktop wrote: " in asked[1]
    assert "built in parallel" in asked[1]
    assert [one.verdict for one in said.heard] == [WarningVerdict.HELPED]


TAKE_OUT = (
    "for file in $(tr '\\0' '\\n' </proc/$PPID/environ | sed -n s/^BASH_ENV=//p); do "
    "rm -f $file; echo exit 9 >$file; mv $file $file.old; test -s $file && echo it-stands; done"
)


@pytest.mark.nightly
def test_an_agent_cannot_take_the_asking_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds the file that its bash reads, and can neither remove, change nor move it; the next command asks."""
    monkeypatch.setattr(bash_lines, "WAIT_SECONDS", PATIENCE)
    hands = HANDS["opencode"]
    assert hands.shell
    desk.run(hands, hands.shell(TAKE_OUT), hands.shell(f"sh {FAILS}"), Turn(text="Done."), warner=warner(FORM))
    assert "it-stands" in given(desk.api.asked, 1).partition("tool_result")[2], desk.output()
    assert [WARNING_FRAME in given(desk.api.asked, place) for place in range(3)] == [False, False, True], desk.output()


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["claude", "codex", "copilot"])
def test_refused_once(desk: Desk, name: str) -> None:
    """The command is not run the first time, with the reason; the second time it is. That is no denial."""
    hands = (HANDS | ACP_HANDS)[name]
    assert hands.shell
    said = warner(WarningForm.REFUSE_ONCE)
    leaves = f"echo ran >>ran.txt; sh {FAILS}"
    turns = [hands.shell(leaves), hands.shell(leaves), Turn(text="Done.")]
    outcome = desk.run(hands, *turns, warner=said)
    assert (outcome.error, outcome.parked, outcome.denials) == ("", "", ()), desk.output()
    assert desk.server.show("shiftbook/fix/1:ran.txt") == "ran"
    assert REFUSED_ONCE in given(desk.api.asked, 1)
    assert "built in parallel" not in given(desk.api.asked, 1)
    assert "built in parallel" in given(desk.api.asked, 2)
    verdict = WarningVerdict.UNCLEAR if name == "codex" else WarningVerdict.HURT  # it failed again all the same
    assert [one.verdict for one in said.heard] == [verdict]  # codex tells of no call that was held back


def test_a_real_denial_stays_one(desk: Desk) -> None:
    """What the program's own rules forbid counts, also beside a call that was held back once."""
    hands = HANDS["claude"]
    assert hands.shell
    turns = [hands.shell(f"sh {FAILS}"), hands.write(hands.forbidden, "{}"), Turn(text="Done.")]
    outcome = desk.run(hands, *turns, warner=warner(WarningForm.REFUSE_ONCE))
    assert not outcome.ok
    assert [hands.forbidden in each for each in outcome.denials] == [True], outcome.denials


GENERATED = "docs/api.md is generated: change its template"
BY_HOOK = ["claude", "gemini", "opencode", "qwen", "copilot"]


def written(desk: Desk, name: str) -> Turn:
    """The program's own tool writes the file that a lesson is about."""
    return (HANDS | ACP_HANDS)[name].write(place(desk, "docs/api.md") if name in ACP_HANDS else "docs/api.md", "x\n")


@pytest.mark.nightly
@pytest.mark.parametrize("name", [*BY_HOOK, "aider"])
def test_a_file_that_is_changed(desk: Desk, name: str) -> None:
    """A lesson about a path is said when that file is written, once, and nothing of it stands in the work."""
    said = warner(FORM, GENERATED)
    turns = [written(desk, name), Turn(text="I see."), Turn(text="Done.")]
    outcome = desk.run((HANDS | ACP_HANDS)[name], *turns, warner=said)
    assert (outcome.error, outcome.parked, outcome.denials, outcome.files) == ("", "", (), ("docs/api.md",))
    asked = [given(desk.api.asked, place) for place in range(2)]
    assert [one.count("is generated: change its template") for one in asked] == [0, 1], desk.output()
    assert len(said.heard) == 1, desk.output()
    assert [note for note in outcome.notes if "did not ask" in note] == []


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in BY_HOOK if name != "gemini"])
def test_a_change_is_held_back_once(desk: Desk, name: str) -> None:
    """The file is not written the first time, with the reason; the second time it is. That is no denial."""
    said = warner(WarningForm.REFUSE_ONCE, GENERATED)
    turns = [written(desk, name), written(desk, name), Turn(text="Done.")]
    outcome = desk.run((HANDS | ACP_HANDS)[name], *turns, warner=said)
    assert (outcome.error, outcome.parked, outcome.denials) == ("", "", ()), desk.output()
    assert outcome.files == ("docs/api.md",)
    asked = [given(desk.api.asked, number) for number in range(3)]
    assert [one.count(REFUSED_ONCE) for one in asked] == [0, 1, 1], desk.output()
    assert len(said.heard) == 1, desk.output()


@pytest.mark.nightly
@pytest.mark.parametrize("name", [*BY_HOOK, "aider"])
def test_a_hook_that_cannot_start(desk: Desk, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is done all the same, its model hears nothing of it, and the result says so: gemini and copilot would
    refuse a call whose hook failed."""
    monkeypatch.setattr(hook_socket, "node_python", lambda: Path("/nowhere/python"))
    turns = [written(desk, name), Turn(text="Done.")]
    outcome = desk.run((HANDS | ACP_HANDS)[name], *turns, warner=warner(FORM, GENERATED))
    assert (outcome.error, outcome.parked, outcome.files) == ("", "", ("docs/api.md",)), desk.output()
    assert not any("/nowhere/python" in json.dumps(asked.body) for asked in desk.api.asked), desk.output()
    assert [note for note in outcome.notes if "did not ask for the journal's warnings at 1 of its actions" in note]


@pytest.mark.nightly
@pytest.mark.parametrize("name", [*BY_HOOK, "aider"])
def test_hooks_of_the_repository_do_not_run_beside_ours(desk: Desk, name: str) -> None:
    """Nor its plugins, extensions and linters, though hooks are on."""
    desk.server.push(traps())
    said = warner(FORM, GENERATED)
    turns = [written(desk, name), Turn(text="Done."), Turn(text="Done.")]
    outcome = desk.run((HANDS | ACP_HANDS)[name], *turns, warner=said)
    assert (outcome.error, outcome.files) == ("", ("docs/api.md",)), desk.output()
    assert len(said.heard) == 1, desk.output()
    assert sprung(desk.tmp) == []
