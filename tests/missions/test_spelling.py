"""A word that nobody knows is answered by the one that was meant."""

from __future__ import annotations

import pytest

from missions import document
from missions.mission import Quarantined
from missions.spelling import did_you_mean, instead_of


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("---\nagent: comand\nrun: ls\n---\nx", "“agent”: unknown agent 'comand': did you mean command?"),
        ("---\ntask: coding_tsk\n---\nx", "“task”: unknown task type 'coding_tsk': did you mean coding_task?"),
        ("---\napprove: alway\n---\nx", "“approve”: unknown value 'alway': did you mean always?"),
        ("---\nprojekt: shop\n---\nx", "unknown field “projekt”: write project"),
    ],
)
def test_a_misspelt_word_in_a_mission(text: str, reason: str) -> None:
    """Fields and their words."""
    found = document.read("missions/x.md", text.encode())
    assert isinstance(found, Quarantined)
    assert found.reason == reason


def test_a_state_that_is_none() -> None:
    """The list of states stays, and the one that was meant is named."""
    found = document.read("missions/x.md", b"---\nstatus: qeued\n---\nx")
    assert isinstance(found, Quarantined)
    assert found.reason.endswith("not “qeued”; did you mean queued?")


def test_a_word_that_is_like_none_gets_all_of_them() -> None:
    """Nothing is guessed."""
    assert did_you_mean("hal", ("builtin", "command")) == ""
    assert instead_of("hal", ("builtin", "command")) == "one of builtin, command"
