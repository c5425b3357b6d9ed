"""What may an admin write of a project's dev services, and what is told of a wrong one?"""

from __future__ import annotations

import re

import pytest

from orchestrator.core.errors import BrokenLedger
from orchestrator.core.ports.agent import DevServiceSpec
from orchestrator.ledger.config.fleet_toml import read

SHOP = '[projects.shop]\nurl = "/srv/shop.git"\n'


def table(name: str = "db", command: str = '"exec postgres"', more: str = 'ports = ["PGPORT"]\n') -> str:
    return f"{SHOP}[projects.shop.services.{name}]\ncommand = {command}\n{more}"


def test_services() -> None:
    """As a run is given them, in their order; a project without one has none, and agents only those that say so."""
    second = table("a-cache", more='health = "true"\nagents = true\nstart_seconds = 5\n').removeprefix(SHOP)
    found = read((table(more='ports = ["PGPORT"]\nenvironment = { PGUSER = "me" }\n') + second).encode()).project(
        "shop"
    )
    made = DevServiceSpec(name="db", command="exec postgres", ports=("PGPORT",), environment={"PGUSER": "me"})
    assert found.services[0] == made
    assert [each.name for each in found.services] == ["db", "a-cache"]
    assert [(each.name, each.seconds) for each in found.agent_services] == [("a-cache", 5.0)]
    assert read(SHOP.encode()).project("shop").services == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (table(command='" "'), "write a shell line"),
        (table(more=""), "say how it is known that it is up"),
        (table("Db"), "a name of small letters, digits and hyphens"),
        (table('"../db"'), "a name of small letters, digits and hyphens"),
        (table(more='ports = ["PATH"]\n'), "PATH is said by the node"),
        (table(more='ports = ["SHIFTBOOK_RUN"]\n'), "SHIFTBOOK_RUN is said by the node"),
        (table(more='ports = ["PG PORT"]\n'), "'PG PORT' is no name of a variable"),
        (table(more='ports = ["A", "A"]\n'), "a variable is named twice"),
        (table(more='ports = ["A"]\nenvironment = { LD_PRELOAD = "x" }\n'), "LD_PRELOAD is said by the node"),
        (table(more='ports = ["A"]\nenvironment = { A = "x" }\n'), "services: A is said by db and by db"),
        (table() + table("two").removeprefix(SHOP), "services: PGPORT is said by db and by two"),
        (table(more='ports = ["A"]\nstart_seconds = 0\n'), "start_seconds"),
        (table(more='ports = ["A"]\nstart_seconds = 601\n'), "start_seconds"),
        (table(more='ports = ["A"]\nnetwork = true\n'), "there is no such key"),
        (SHOP + "".join(table(f"a{n}", more='health = "x"\n').removeprefix(SHOP) for n in range(9)), "9 services"),
    ],
)
def test_a_wrong_one_is_told(text: str, says: str) -> None:
    """With what is wrong."""
    with pytest.raises(BrokenLedger, match=re.escape(says)):
        read(text.encode())
