"""What may an admin write of a project's servers of tools, and what is told of a wrong one?"""

from __future__ import annotations

import pytest

from orchestrator.core.errors import BrokenLedger
from orchestrator.core.ports.agent import ProjectToolServer
from orchestrator.ledger.config.fleet_toml import read

SHOP = '[projects.shop]\nurl = "/srv/shop.git"\n'


def table(name: str = "docs", command: str = '["docs-mcp", "--all"]', more: str = "") -> str:
    return f"{SHOP}[projects.shop.mcp.{name}]\ncommand = {command}\n{more}"


def test_a_server() -> None:
    """As a run is given it; a project without one has none."""
    found = read(table(more='environment = { DOCS = "d" }\ntools = ["look_up"]\n').encode()).project("shop")
    made = ProjectToolServer(name="docs", command=("docs-mcp", "--all"), environment={"DOCS": "d"}, tools=("look_up",))
    assert found.servers == (made,)
    assert read(SHOP.encode()).project("shop").servers == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (table(command="[]"), "projects.shop.mcp.docs.command"),
        (table(command='["/tmp/x"]'), "the name of a program as it is on a node's PATH"),
        (table("shiftbook"), "a name of small letters and digits that is not shiftbook"),
        (table('"a.b"'), "a name of small letters and digits"),
        (table("a_b"), "a name of small letters and digits"),
        (table(more='environment = { LD_PRELOAD = "x" }\n'), "LD_PRELOAD is said by the node"),
        (table(more='environment = { HOME = "x" }\n'), "HOME is said by the node"),
        (table(more='tools = ["a,b"]\n'), "'a,b' is no name of a tool"),
        (table(more='url = "https://x"\n'), "there is no such key"),
        (SHOP + "".join(table(f"a{n}").removeprefix(SHOP) for n in range(9)), "9 servers are more than 8"),
    ],
)
def test_a_wrong_one_is_told(text: str, says: str) -> None:
    """With what is wrong."""
    with pytest.raises(BrokenLedger, match=says.replace("(", "\\(")):
        read(text.encode())
