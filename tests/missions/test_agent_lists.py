"""What does a list of agents in a mission mean, and what cannot stand in one?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from missions import document
from missions.approval import ChildLimits
from missions.child_limits import exceeds_parent
from missions.mission import AUTO, LISTED_AGENTS, Mission, Quarantined

LIMITS = ChildLimits(max=4, share=0.5)


def read(agent: str, more: str = "") -> Mission | Quarantined:
    """A mission for it."""
    return document.read("m.md", f"---\nagent: {agent}\n{more}---\nDo it.\n".encode())


def listed(agent: str) -> Mission:
    """One that can be read."""
    found = read(agent)
    assert isinstance(found, Mission), found
    return found


@pytest.mark.parametrize(
    "agent", ["[claude, codex, opencode]", '"claude, codex, opencode"', "\n- Claude\n- codex\n- opencode\n- codex"]
)
def test_a_list_is_a_choice_in_its_order(agent: str) -> None:
    """However YAML writes it; each agent once. Who does it is chosen when it is taken."""
    found = listed(agent)
    assert (found.agent, found.agent_order) == (AUTO, ("claude", "codex", "opencode"))
    assert found.max_retries == 1
    assert replace(found, chosen_agent="codex").worker == "codex"


@pytest.mark.parametrize("agent", ["[claude]", "claude", "[Claude]"])
def test_a_list_of_one_is_that_one(agent: str) -> None:
    """No choice is left."""
    assert (listed(agent).agent, listed(agent).agent_order) == ("claude", ())


def test_who_leaves_the_choice_lists_nobody() -> None:
    """`auto` and no word at all are as they were."""
    assert (listed("auto").agent, listed("auto").agent_order) == (AUTO, ())
    assert listed("").agent_order == ()


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        ("[claude, clod]", "unknown agent 'clod'"),
        ("[claude, auto]", "auto cannot stand in a list"),
        ("[command, claude]", "command cannot stand in a list"),
        ("[claude, review]", "review cannot stand in a list"),
        ("[claude, 3]", "agent"),
        ("[[claude, codex], gemini]", "agent"),
        ("{claude: codex}", "agent"),
    ],
)
def test_what_cannot_stand_in_a_list(agent: str, says: str) -> None:
    """Told in one line, with what can."""
    found = read(agent)
    assert isinstance(found, Quarantined)
    assert says in found.reason
    assert found.line == 2
    assert "\n" not in found.reason


def test_everybody_in_a_list_works_by_themselves() -> None:
    """What runs a command line, reviews or updates is asked for by its own name."""
    assert {"claude", "codex", "gemini", "opencode", "aider", "qwen", "copilot", "builtin"} == LISTED_AGENTS


def test_an_agent_of_the_fleets_own_has_a_name_of_its_own() -> None:
    """`acp-NAME` is one, alone and in a list; it costs money, so it is tried once. Nothing else passes for one."""
    found = listed("acp-goose")
    assert (found.agent, found.max_retries) == ("acp-goose", 1)
    assert listed("[claude, acp-goose]").agent_order == ("claude", "acp-goose")
    for name in ("acp-", "acp-Goose", "acp-a--b", "acp_goose", "goose", "acp-a/b", f"acp-{'a' * 40}"):
        refused = read(name)
        assert isinstance(refused, Quarantined), name
        assert "unknown agent" in refused.reason


@pytest.mark.parametrize(
    ("child", "parent", "fits"),
    [
        ("claude", "[claude, codex]", True),
        ("[codex, claude]", "[claude, codex]", True),
        ("[claude, codex]", "[claude, codex, gemini]", True),
        ("gemini", "[claude, codex]", False),
        ("[claude, gemini]", "[claude, codex]", False),
        ("auto", "[claude, codex]", False),
        ("[claude, codex]", "claude", False),
        ("[claude, codex]", "auto", True),
    ],
)
def test_a_child_has_no_agent_that_its_parent_does_not_give(child: str, parent: str, fits: bool) -> None:
    """A list of a child's is within its parent's; whoever leaves the choice where its parent does not asks for more."""
    above = replace(listed(parent), name="parent")
    below = replace(listed(child), name="child", parent="parent")
    assert (exceeds_parent(below, above, LIMITS) == "") is fits
