"""Which program is an agent of the fleet's own, by fleet.toml, and what is told of a table that cannot be meant?"""

from __future__ import annotations

import pytest

from orchestrator.adapters.agents.acp.program import AcpProgram
from orchestrator.adapters.agents.acp.tables import BUILT_IN_TABLES, acp_programs
from orchestrator.app import wiring
from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config.agent_tables import BUILT_IN_AGENTS, check_agents
from orchestrator.ledger.config.fleet_toml import FleetConfig, read

GOOD = '[agents.acp-goose]\ncommand = ["goose", "acp"]\napis = ["anthropic"]\nmodel = "m"\n'


def test_an_agent_of_the_fleets_own() -> None:
    """Is one of the programs, works with an account of its own, and costs money; without its table there is none."""
    fleet = read(GOOD.encode())
    assert "acp-goose" in {each.name for each in wiring.programs(fleet)}
    assert "acp-goose" not in {each.name for each in wiring.programs()}
    assert fleet.account("desk", "acp-goose") == "acp-goose@desk"
    assert "acp-goose" in fleet.paid_agents
    assert read(f'{GOOD}[accounts.team]\nagents = ["acp-goose"]\n'.encode()).account("desk", "acp-goose") == "team"


def test_a_known_one_is_changed_key_by_key() -> None:
    """What the fleet does not say of it stays as it is known."""
    assert set(BUILT_IN_TABLES) == BUILT_IN_AGENTS
    check_agents(BUILT_IN_TABLES)
    found = {each.name: each for each in acp_programs(read(b'[agents.qwen]\nmodel = "mine"\n').agents)}
    qwen = found["qwen"]
    assert isinstance(qwen, AcpProgram)
    assert (qwen.table.model, qwen.table.mode, qwen.table.command) == ("mine", "default", ("qwen", "--acp"))
    assert FleetConfig().agents == {}


def test_what_it_lacks_is_said_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program, then a key: a log-in of a person's is not lent."""
    goose = next(each for each in acp_programs(read(GOOD.encode()).agents) if each.name == "acp-goose")
    assert goose.missing() == "goose is not installed: put goose on the PATH of this node"
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    here = AcpProgram(name="acp-x", table=goose.table.model_copy(update={"command": ("sh",)}))
    assert "acp-x has no key: set ANTHROPIC_API_KEY" in str(here.missing())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[agents.goose]\ncommand = ["goose"]\n', "a fleet's own agent is called acp-NAME"),
        ('[agents.claude]\ncommand = ["sh"]\n', "agents.claude says its bridge alone, and not its command"),
        ('[agents.claude]\nbridge = ["approve"]\n', "agents.claude.bridge"),
        ("[agents.gemini]\nbridge = false\n", "a fleet's own agent is called acp-NAME"),
        ('[agents.builtin]\nmodel = "m"\n', "a fleet's own agent is called acp-NAME"),
        ('[agents."acp-A b"]\ncommand = ["goose"]\n', "a fleet's own agent is called acp-NAME"),
        ('[agents.acp-x]\napis = ["openai"]\nmodel = "m"\n', "agents.acp-x says nothing of its command"),
        ('[agents.acp-x]\ncommand = ["x"]\nmodel = "m"\n', "agents.acp-x says nothing of its apis"),
        ('[agents.acp-x]\ncommand = ["x"]\napis = ["openai"]\n', "agents.acp-x says nothing of its model"),
        (GOOD.replace('"goose", ', '"/tmp/x", '), "the name of a program as it is on a node's PATH"),
        (GOOD.replace('"goose", ', '"../x", '), "the name of a program as it is on a node's PATH"),
        (GOOD.replace('"goose", ', '"-x", '), "the name of a program as it is on a node's PATH"),
        (GOOD.replace('["anthropic"]', '["mine"]'), "agents.acp-goose.apis"),
        (f'{GOOD}mode = "auto"\n', "in the mode 'auto' a model says what may be done"),
        (f'{GOOD}version = ["-c", "touch /tmp/x"]\n', "agents.acp-goose.version"),
        (f'{GOOD}version = ["--upload"]\n', "write what the program is asked with"),
        (f'{GOOD}version = ["install"]\n', "write what the program is asked with"),
        (f'{GOOD}version = ["version", "--delete"]\n', "agents.acp-goose.version"),
        (f'{GOOD}options = {{ mode = "auto" }}\n', "its mode is said by mode = alone"),
        (f'{GOOD}options = {{ model = "x" }}\n', "its model is said by model = alone"),
        (GOOD.replace('model = "m"', 'model = "a\\u0000b"'), "has letters that cannot be shown"),
        ("[agents.qwen]\ncommand = []\n", "agents.qwen says nothing of its command"),
        ("[agents.copilot]\napis = []\n", "agents.copilot says nothing of its apis"),
        ('[agents.qwen]\nmodel = ""\n', "agents.qwen says nothing of its model"),
        (f'{GOOD}environment = {{ PATH = "/tmp" }}\n', "PATH is said by the node"),
        (f'{GOOD}environment = {{ LD_PRELOAD = "x" }}\n', "LD_PRELOAD is said by the node"),
        (f'{GOOD}environment = {{ https_proxy = "x" }}\n', "https_proxy is said by the node"),
        (f'{GOOD}environment = {{ OPENAI_API_KEY = "x" }}\n', "OPENAI_API_KEY is said by the node"),
        (f'{GOOD}environment = {{ "A=B" = "x" }}\n', "'A=B' is no name of a variable"),
        (f'{GOOD}hidden = ["../.ssh"]\n', "write a path in the project"),
        (f'{GOOD}hidden = [".git"]\n', "write a path in the project"),
        (f"{GOOD}yolo = true\n", "there is no such key"),
    ],
)
def test_a_wrong_table_is_told_in_one_line(text: str, says: str) -> None:
    """With the file, and what is wrong."""
    with pytest.raises(BrokenLedger) as caught:
        read(text.encode())
    assert says in str(caught.value)
    assert str(caught.value).startswith("fleet.toml")
    assert "\n" not in str(caught.value)
