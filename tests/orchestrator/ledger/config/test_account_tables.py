"""Whose account is it, by fleet.toml, and what is told of a table that cannot be meant?"""

from __future__ import annotations

import pytest

from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config.fleet_toml import FleetConfig, read

SHARED = '[accounts.team-max]\nagents = ["claude"]\n[accounts.spare]\nagents = ["claude", "codex"]\nnodes = ["vps"]\n'


def test_an_account_is_a_persons_name_or_the_agents_own_place() -> None:
    """The one that names the node goes before the one for all; nobody's word: an agent has its own on each node."""
    fleet = read(SHARED.encode())
    assert [fleet.account(node, "claude") for node in ("desk", "vps")] == ["team-max", "spare"]
    assert [fleet.account(node, "codex") for node in ("desk", "vps")] == ["codex@desk", "spare"]
    assert FleetConfig().account("desk", "claude") == "claude@desk"


def test_without_a_word_nodes_wait() -> None:
    """The defaults: work goes on by itself, nodes come back up to two minutes apart."""
    assert (FleetConfig().quotas.mode, FleetConfig().quotas.jitter_seconds) == ("wait", 120.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[accounts.a]\nagents = ["clude"]\n', "'clude' works with no account"),
        ('[accounts.a]\nagents = ["builtin"]\n', "'builtin' works with no account"),
        ("[accounts.a]\nagents = []\n", "accounts.a.agents"),
        ('[accounts."a b"]\nagents = ["claude"]\n', "'a b' is no name"),
        ('[accounts.a]\nagents = ["claude"]\n[accounts.b]\nagents = ["claude"]\n', "a and b both have claude"),
        (
            '[accounts.a]\nagents = ["codex"]\nnodes = ["x"]\n[accounts.b]\nagents = ["codex"]\nnodes = ["y", "x"]\n',
            "a and b both have codex on x",
        ),
        ('[quotas]\nmode = "sometimes"\n', "quotas.mode"),
        ("[quotas]\njitter_seconds = -1\n", "quotas.jitter_seconds"),
        ("[quotas]\nwait = true\n", "there is no such key"),
    ],
)
def test_a_wrong_table_is_told_in_one_line(text: str, says: str) -> None:
    """With the file, and the table that is wrong."""
    with pytest.raises(BrokenLedger) as caught:
        read(text.encode())
    assert says in str(caught.value)
    assert str(caught.value).startswith("fleet.toml")
    assert "\n" not in str(caught.value)
