"""What becomes of an agent's work when a dev service does not come up, and what is it told of one that did?"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.ports.agent import DevServiceSpec, Outcome, Project
from orchestrator.execution.verification import ProjectTestResult, WorkCheck
from tests.orchestrator.execution.scripted import BEGIN, END
from tests.orchestrator.execution.test_attempt import GOOD, Desk, script
from tests.orchestrator.repositories import Server
from tests.waiting import PATIENCE

UP = "test -e $SHIFTBOOK_DATA/up"


def attempt(
    server: Server, sandbox: Bubblewrap, tmp: Path, service: DevServiceSpec, *scripts: str, test: str
) -> tuple[Desk, Outcome]:
    """One attempt of a program that does these rounds, at a project with one service."""
    desk = Desk(server=server, sandbox=sandbox, tmp=tmp)
    project = Project(name="shop", url=str(server.folder), test=test, services=(service,))
    job = replace(desk.make(), project=project)
    return desk, desk.run(*scripts, job=job, stop=threading.Event())


def test_a_service_that_fails_is_no_wrong_work(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """The work does not go back to its agent, is not said to fail its tests, and is pushed as it is."""
    service = DevServiceSpec(name="db", command="echo no room; exit 1", health="false", seconds=PATIENCE)
    desk, outcome = attempt(server, bubblewrap, tmp_path, service, GOOD, test="true")
    assert outcome.error.startswith("shop: the service db ended with exit code 1: no room")
    assert (outcome.ok, outcome.tested, outcome.rounds, bool(outcome.branch)) == (False, None, 0, True)
    assert outcome.output.endswith("\ndb (ended with exit code 1):\nno room\n")
    assert len(desk.prompts()) == 1
    assert outcome.spared


def test_one_that_fails_in_a_later_round_loses_nothing(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """What the round before it did is handed over, untested."""
    # the agent's home is the same in each round, and not the tests'
    line = 'test ! -e "$HOME/began" && touch "$SHIFTBOOK_DATA/up" && sleep 600'
    service = DevServiceSpec(name="db", command=line, health=UP, agents=True, seconds=PATIENCE)
    work = script(BEGIN, 'echo more >> README.md; touch "$HOME/began"', END)
    desk, outcome = attempt(server, bubblewrap, tmp_path, service, work, test="exit 1")
    assert len(desk.prompts()) == 2
    assert outcome.error.startswith("shop: the service db ended with exit code 1")
    assert (outcome.ok, outcome.tested) == (False, None)
    assert "README.md" in outcome.files


def test_its_agent_reads_the_end_of_both(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """What failing tests printed last, however much the service said after it."""
    many = "for i in $(seq 200); do echo line $i of the service, which says much more than anybody reads; done"
    service = DevServiceSpec(
        name="db", command=f"{many}; touch $SHIFTBOOK_DATA/up; sleep 600", health=UP, seconds=PATIENCE
    )
    test = "seq 5000; echo the last of the tests; exit 1"
    desk, outcome = attempt(server, bubblewrap, tmp_path, service, GOOD, test=test)
    assert outcome.tested is False
    letter = desk.prompts()[1]
    assert "    the last of the tests\n    [the last words of the services]\n" in letter
    assert letter.rstrip().endswith("line 200 of the service, which says much more than anybody reads")


def test_a_word_that_looks_like_the_services() -> None:
    """Tests that print the heading themselves only move what is quoted; nothing is lost of a short output."""
    tests = ProjectTestResult(line="t", passed=False, how="failed", output="a\n[the last words of the services]\nb\n")
    assert "    a\n    [the last words of the services]\n    b" in WorkCheck(tests=tests).feedback(())
