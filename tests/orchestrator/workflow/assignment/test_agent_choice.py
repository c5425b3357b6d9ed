"""Which agent is chosen, on what evidence, and for how long is a mission left to a better placed node?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.mission import AUTO, Mission, Status
from missions.selection import NodeCapabilities
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.assignment.agent_choice import choose_agent
from orchestrator.workflow.assignment.assign import resolve_mission
from orchestrator.workflow.assignment.deferral import DeferralPolicy
from tests.ledgers import FLEET, Peer, Town

CODING = Mission(name="m", title="m", body="m", task="coding_task", project="shop", agent=AUTO)


def done(agent: str, number: int, *, cost: float | None = None, project: str = "shop", attempt: int = 1) -> Mission:
    """A mission that was accepted."""
    made = replace(CODING, name=f"{agent}-{number}", agent=agent, project=project, status=Status.DONE)
    return replace(made, attempt=attempt, cost_usd=cost)


def failed(agent: str, number: int) -> Mission:
    """One that was not."""
    return replace(done(agent, number), name=f"dead-{agent}-{number}", status=Status.DEAD)


def test_the_one_that_was_accepted_more_often_is_chosen_and_said() -> None:
    """With its numbers, in the project's name, and with those of the next best."""
    past = [*(done("claude", n, cost=0.31) for n in range(4)), failed("claude", 9)]
    chosen = choose_agent(CODING, {"claude", "codex"}, past)
    assert chosen is not None
    assert chosen.agent == "claude"
    assert chosen.because == "claude: 4 of 5 accepted in shop, $0.31 each; codex: none yet"


def test_one_that_mostly_fails_is_left_for_one_that_nobody_knows() -> None:
    """Few attempts prove little, many prove something."""
    assert choose_agent(CODING, {"claude", "codex"}, [failed("claude", 1)]).agent == "codex"  # type: ignore[union-attr]
    assert choose_agent(CODING, {"claude", "codex"}, [failed("codex", n) for n in range(5)]).agent == "claude"  # type: ignore[union-attr]


def test_of_nearly_equal_ones_the_cheapest() -> None:
    """And what lies above the mission's budget comes last."""
    past = [done(agent, n, cost=cost) for agent, cost in (("claude", 0.9), ("gemini", 0.2)) for n in range(6)]
    assert choose_agent(CODING, {"claude", "gemini"}, past).agent == "gemini"  # type: ignore[union-attr]
    better = [*past, *(done("claude", n, cost=0.9) for n in range(10, 40)), *(failed("gemini", n) for n in range(4))]
    assert choose_agent(CODING, {"claude", "gemini"}, better).agent == "claude"  # type: ignore[union-attr]
    poor = choose_agent(replace(CODING, budget_usd=0.5), {"claude", "gemini"}, better)
    assert poor is not None
    assert (poor.agent, "above the budget" in poor.because) == ("gemini", True)


def test_other_projects_count_less() -> None:
    """What an agent did here outweighs what another did elsewhere."""
    past = [done("claude", n, project="site") for n in range(4)] + [done("codex", n) for n in range(4)]
    chosen = choose_agent(CODING, {"claude", "codex"}, past)
    assert chosen is not None
    assert chosen.because.startswith("codex: 4 of 4 accepted in shop; claude: 4 of 4 accepted in other projects")


def test_the_small_model_comes_last_and_nobody_is_nobody() -> None:
    """An agent of our own on the embedded model is chosen where there is no other."""
    assert choose_agent(CODING, {"builtin", "aider"}, []).agent == "aider"  # type: ignore[union-attr]
    assert choose_agent(CODING, {"builtin"}, []).agent == "builtin"  # type: ignore[union-attr]
    assert choose_agent(CODING, set(), []) is None


@given(st.lists(st.tuples(st.sampled_from(["claude", "codex", "aider"]), st.booleans(), st.floats(0, 5)), max_size=20))
def test_the_order_of_the_past_changes_nothing(rows: list[tuple[str, bool, float]]) -> None:
    """Every machine chooses alike, whatever order it read the archive in."""
    past = [done(a, n, cost=cost) if good else failed(a, n) for n, (a, good, cost) in enumerate(rows)]
    agents = {"claude", "codex", "aider"}
    assert choose_agent(CODING, agents, past) == choose_agent(CODING, agents, past[::-1])


def page(node: str, agents: str) -> str:
    """A node's page."""
    return f"---\nnode: {node}\nrole: LOCAL_WORKER\nagents: {agents}\ncapabilities: gpu\n---\n# {node}\n"


@dataclass
class Waiting:
    """A node that looks at a fleet with another one, on a clock that a test moves."""

    town: Town
    ada: Peer
    deference: DeferralPolicy
    time: float = 1000.0
    beats: int = 0
    moving: list[str] = field(default_factory=lambda: ["vps"])

    def look(self, seconds: float = 0.0) -> LedgerSnapshot:
        """One fetch, so many seconds later; whoever moves has beaten."""
        self.time += seconds
        self.beats += "vps" in self.moving
        ledger = self.ada.ledger()
        ledger = replace(ledger, refs=dict(ledger.refs) | {"refs/shiftbook/beat/vps": f"{self.beats:040x}"})
        self.deference.observe(ledger, self.time)
        return ledger

    def leaves(self, seconds: float = 0.0) -> str:
        """Why the mission is left to another now."""
        ledger = self.look(seconds)
        offer = self.deference.offer
        return self.deference.leaves(ledger, resolve_mission(ledger, ledger.open["m"].mission, offer).mission)


def waiting(agents: str, mine: set[str], *, url: str = "https://example.com/shop.git", warm: bool = True) -> Waiting:
    """A node with these agents beside the node vps with those."""
    files = {
        "fleet.toml": FLEET.format(trust="remote").replace("/srv/shop.git", url),
        "heartbeats/vps.md": page("vps", agents),
        "missions/m.md": "---\ntask: coding_task\nproject: shop\n---\nFix it\n",
    }
    files |= {
        f"missions/archive/2026-11/c{n}.md": "---\ntask: coding_task\nproject: shop\nagent: codex\nstatus: done\n"
        f"node: vps\nattempt: 1\nepoch: 1\nfinished: 2026-11-0{n + 1}T10:00:00Z\n---\nDone\n"
        for n in range(6)
    }
    town = Town(files)
    offer = NodeCapabilities(node="desk", role="LOCAL_WORKER", agents=frozenset(mine))
    deference = DeferralPolicy(offer=offer, warm=lambda ledger, project: warm)
    made = Waiting(town=town, ada=town.peer("ada"), deference=deference)
    made.look()
    return made


def test_a_mission_is_left_to_the_node_with_the_better_agent_for_a_while_only() -> None:
    """As long as the bus needs to show it there, then it is taken here: nothing is left lying."""
    desk = waiting("codex", {"claude"})
    assert desk.leaves(1) == "left to vps, which has codex (codex: 6 of 6 accepted in shop; claude: none yet)"
    assert desk.leaves(5) != ""
    assert desk.leaves(1) == ""
    assert desk.leaves(1) == ""


def test_nothing_is_left_to_a_node_that_does_not_move() -> None:
    """A page and a beat that stands still prove nothing."""
    desk = waiting("codex", {"claude"})
    desk.moving = []
    assert desk.leaves(1) == ""
    desk.moving.append("vps")
    assert desk.leaves(1) != ""
    desk.moving = []
    assert desk.leaves(31) == ""


def test_nothing_is_left_to_a_node_that_is_busy() -> None:
    """It would only wait there."""
    desk = waiting("codex", {"claude"})
    desk.ada.push({"missions/other.md": "Do something else\n"})
    desk.town.peer("vps").hold("other")
    assert desk.leaves(1) == ""


def test_no_wait_for_what_is_the_same_there() -> None:
    """The same agents, and a clone here: it is asked for at once."""
    assert waiting("codex", {"codex"}).leaves(1) == ""
    assert waiting("gemini", {"codex"}).leaves(1) == ""


def test_a_clone_there_is_worth_a_moment() -> None:
    """The shortest pause between two looks, no more."""
    desk = waiting("codex", {"codex"}, warm=False)
    assert desk.leaves(1) == "left to vps, which has a clone of shop"
    assert desk.leaves(1) == ""


def test_a_folder_that_is_not_here_is_left_to_others(tmp_path: Path) -> None:
    """For a while; then this node tries, and says what it lacks."""
    desk = waiting("codex", {"codex"}, url=str(tmp_path / "shop.git"))
    assert desk.leaves(1).endswith("is not on this machine")
    assert desk.leaves(10) == ""
    (tmp_path / "shop.git").mkdir()
    assert waiting("codex", {"codex"}, url=str(tmp_path / "shop.git")).leaves(1) == ""


@pytest.mark.parametrize(
    "forged", ["", "---\nagents: [\n---\n", "no front matter", "---\nagents: 5\ncapabilities: {a: b}\n---\n"]
)
def test_a_page_that_cannot_be_read_offers_nothing(forged: str) -> None:
    """Whatever stands in it, nobody waits for it, and nothing breaks."""
    desk = waiting("codex", {"claude"})
    desk.ada.push({"heartbeats/vps.md": forged})
    assert desk.leaves(1) == ""
