"""Which failures are whoever worked's own, and which would have met anybody?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.ports.agent import Project
from tests.orchestrator.execution.scripted import BEGIN, END, event
from tests.orchestrator.execution.test_attempt import CHANGE, GOOD, Desk, desk, script

__all__ = ["desk"]


@pytest.mark.parametrize(
    ("round_", "test", "spared"),
    [
        (GOOD, "exit 1", False),
        (script(BEGIN, CHANGE, event(trouble="turn limit"), "exit 1"), None, False),
        (script(BEGIN, CHANGE, "exit 3"), None, False),
        (script(BEGIN, CHANGE, event(trouble="model API", error="529 overloaded"), "exit 1"), None, True),
    ],
)
def test_what_an_agent_failed_at_is_its_own(desk: Desk, round_: str, test: str | None, *, spared: bool) -> None:
    """Failing tests, a limit of its own, a program that broke; not a model's API that did not answer."""
    outcome = desk.run(round_, test=test)
    assert (outcome.ok, outcome.spared) == (False, spared), outcome.error


def test_what_lies_outside_its_scope_is_its_own(desk: Desk) -> None:
    """Whatever else went wrong."""
    silent = script(BEGIN, "echo x > elsewhere.txt", event(trouble="model API", error="529"), "exit 1")
    outcome = desk.run(silent, scope=("src/**",))
    assert (outcome.ok, outcome.spared) == (False, False)


def test_a_workspace_that_cannot_be_made_is_nobodys(desk: Desk) -> None:
    """Nobody was asked for anything; a set-up that fails ends an attempt in the same way."""
    job = replace(desk.make(), project=Project(name="shop", url=str(desk.tmp / "absent")))
    outcome = desk.run(script(BEGIN, END), job=job)
    assert (outcome.ok, outcome.spared, desk.prompts()) == (False, True, [])
