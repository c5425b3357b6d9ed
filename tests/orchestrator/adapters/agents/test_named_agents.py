"""Do the words that tell a person which agents there are name each that is known?"""

from __future__ import annotations

import pytest

from orchestrator.adapters.agents import programs
from orchestrator.cli.mission.filing import new
from orchestrator.cli.mission.templates import new as new_template
from orchestrator.core.model_competence import CODING_AGENTS

KNOWN = {program.name for program in programs()}


def test_what_mends_a_fleet_without_a_coding_agent_names_all() -> None:
    """Whichever of them a person has is installed as well as the first."""
    assert set(CODING_AGENTS.split(", ")) == KNOWN


@pytest.mark.parametrize("command", [new, new_template], ids=["mission new", "template new"])
def test_the_help_of_agent_names_all(command: object) -> None:
    """Of the option --agent."""
    said = next(option.help for option in command.params if option.name == "agent")  # type: ignore[attr-defined]
    assert {name for name in KNOWN if name not in said} == set()
