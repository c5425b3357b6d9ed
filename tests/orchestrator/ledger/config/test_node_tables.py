"""What `fleet.toml` may say of a node's divisions, and what is refused with its line."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config import fleet_toml


def read(text: str) -> fleet_toml.FleetConfig:
    return fleet_toml.read(text.encode())


def test_a_persona_is_read_and_the_rest_stays() -> None:
    """A name for the coder; the other divisions, and other nodes, are as they come."""
    config = read('[nodes.desk.divisions.coder]\nname = "Mara"\nvoice = "short"\n')
    found = {each.division: each for each in config.divisions("desk")}
    assert (found["coder"].name, found["coder"].voice, found["coder"].tasks) == ("Mara", "short", {"coding_task"})
    assert found["general"].name == ""
    assert all(each.name == "" for each in config.divisions("vps"))


def test_the_kinds_of_work_are_the_fleets_to_say() -> None:
    """Another kind for a division, or none at all."""
    config = read('[nodes.desk.divisions]\ngeneral = {tasks = ["general_task", "review"]}\ncoder = {tasks = []}\n')
    tasks = {each.division: each.tasks for each in config.divisions("desk")}
    assert (tasks["general"], tasks["coder"]) == ({"general_task", "review"}, frozenset())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('boss = {name = "x"}', "nodes.desk.divisions.boss"),
        ('coder = {name = "two\\nlines"}', "write one line of plain text"),
        ('coder = {name = " "}', "write one line of plain text"),
        ('coder = {name = "\\u202egnp"}', "write one line of plain text"),
        (f'coder = {{voice = "{"x" * 301}"}}', "nodes.desk.divisions.coder.voice"),
        ('coder = {tasks = ["rm"]}', "nodes.desk.divisions.coder.tasks"),
        ('coder = {agent = "claude"}', "there is no such key"),
    ],
)
def test_what_is_no_persona_is_refused_with_its_place(line: str, says: str) -> None:
    """One line: what, where."""
    with pytest.raises(BrokenLedger, match="line 2") as refused:
        read(f"[nodes.desk.divisions]\n{line}\n")
    assert says in str(refused.value)
