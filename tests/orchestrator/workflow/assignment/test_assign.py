"""Does a node fill in what a mission leaves open, say so, and wait where nobody can be sure?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from missions.mission import AUTO, Mission
from missions.selection import NodeCapabilities
from orchestrator.workflow.assignment.assign import missing_project_reason, resolve_mission
from orchestrator.workflow.assignment.project_match import find_project, project_profiles
from orchestrator.workflow.mission_view import mission_views
from tests.ledgers import FLEET, Peer, Scripted, Town, working
from tests.orchestrator.workflow.assignment import requests
from tests.orchestrator.workflow.assignment.test_unserved import beating

SITE = '[projects.site]\nurl = "/srv/www.git"\naliases = ["blog"]\n'
KESTREL = '[projects.kestrel]\nurl = "/srv/k.git"\n'
TOML = FLEET.format(trust="remote").replace("[projects.shop]", f"{SITE}{KESTREL}[projects.shop]")
DOCUMENTS = {
    "fleet.toml": TOML,
    "PORTFOLIO_CONTEXT.md": requests.PORTFOLIO,
    "projects/shop/PROJECT_CONTEXT.md": requests.SHOP,
    "projects/kestrel/PROJECT_CONTEXT.md": requests.KESTREL,
    "projects/site/PROJECT_CONTEXT.md": requests.SITE,
}
CODER = NodeCapabilities(node="desk", role="LOCAL_WORKER", agents=frozenset({"claude", "command"}))
SURE = "---\ntask: coding_task\nagent: claude\n---\nshop: the checkout lets a voucher be combined with another one\n"
UNSURE = "---\ntask: coding_task\nagent: claude\n---\nFix the failing test\n"


def ledger_of(files: Mapping[str, str]) -> Peer:
    """Somebody who sees a fleet with three projects and these missions."""
    return Town(DOCUMENTS | files).peer("ada")


def mission(text: str) -> tuple[Peer, Mission]:
    """One open mission."""
    ada = ledger_of({"missions/m.md": text})
    return ada, ada.ledger().open["m"].mission


def test_a_sure_one_gets_its_project_and_says_why() -> None:
    """The file is not changed; what is worked on has the project, and a remark with the reason."""
    ada, asked = mission(SURE)
    one = resolve_mission(ada.ledger(), asked, CODER)
    assert (one.mission.project, one.mission.matched_project, asked.project) == ("shop", "shop", None)
    assert one.remarks == ("names no project; worked on shop (because it names “shop”)",)


def test_an_unsure_coding_task_waits_with_what_it_could_be() -> None:
    """No guess: the reason names projects and says what to write."""
    ada, asked = mission(UNSURE)
    why = missing_project_reason(ada.ledger(), asked)
    assert why.startswith("names no project; ")
    assert "shop" in why
    assert "`project: NAME`" in why
    assert resolve_mission(ada.ledger(), asked, CODER).waits == why
    view = next(v for v in mission_views(ada.ledger(), ada.trust, ada.bus.now(), archived=False) if v.name == "m")
    assert view.reason == why


def test_two_possible_ones_are_both_named() -> None:
    """A mission that speaks of two is asked about both."""
    ada, asked = mission(
        "---\ntask: coding_task\nagent: claude\n---\nCompare shop with kestrel and fix the slower build\n"
    )
    assert "it could be" in missing_project_reason(ada.ledger(), asked)
    assert "shop: it names “shop”" in missing_project_reason(ada.ledger(), asked)
    assert "kestrel: it names “kestrel”" in missing_project_reason(ada.ledger(), asked)


def test_a_general_question_stays_without_one() -> None:
    """It runs, for no project; so does one that says itself that it has none."""
    ada, asked = mission("What is the capital of France?\n")
    one = resolve_mission(ada.ledger(), asked, CODER)
    assert (one.mission.project, one.remarks, one.waits) == (None, (), "")
    ada, asked = mission("---\nproject: none\n---\nWhat is in `shop/tax/vat.py` of the shop repo?\n")
    assert resolve_mission(ada.ledger(), asked, CODER).mission.project is None


def test_a_named_project_is_never_changed() -> None:
    """Whatever else its text speaks of."""
    ada, asked = mission(
        "---\nproject: site\ntask: coding_task\nagent: claude\n---\nshop: fix the checkout's vouchers\n"
    )
    assert resolve_mission(ada.ledger(), asked, CODER).mission == asked


def test_a_command_runs_where_its_author_said() -> None:
    """A command line without a project keeps its empty folder, even if it speaks of one."""
    ada, asked = mission("---\nrun: make test\n---\nshop: test the checkout of vouchers and refunds\n")
    assert resolve_mission(ada.ledger(), asked, CODER).mission == asked


def test_aliases_repositories_and_scopes_count() -> None:
    """What fleet.toml says of a project, and the paths that a mission may touch."""
    ada = ledger_of({})
    assert find_project(ada.ledger(), "The blog repository lacks a licence").project == "site"
    assert find_project(ada.ledger(), "Fix the loop", needs=True, scope=("shop/checkout/views.py",)).project == "shop"
    assert [one.name for one in project_profiles(ada.ledger())] == ["kestrel", "shop", "site"]


def test_what_the_log_says_of_paths_counts() -> None:
    """A path that only a project's session log names points at it."""
    text = "# Session log\n\n## 2026-11-20T10:00:00Z · desk\n\n### Code Changes\n\n- `shop/fraud/rules.py`\n"
    ada = ledger_of({"projects/shop/SESSION_LOG.md": text})
    assert find_project(ada.ledger(), "Fix shop/fraud/rules.py", needs=True).project == "shop"
    assert find_project(ledger_of({}).ledger(), "Fix the loop in fraud/rules.py", needs=True).project == ""


def test_the_agent_is_chosen_where_it_is_left_open() -> None:
    """A coding task without an agent is `auto`; a node takes the agent that it has, and says so."""
    ada, asked = mission(SURE.replace("agent: claude\n", ""))
    assert asked.agent == AUTO
    one = resolve_mission(ada.ledger(), asked, CODER)
    assert (one.mission.agent, one.mission.chosen_agent) == ("claude", "claude")
    assert one.remarks[1] == "agent: claude was chosen (claude: none yet)"
    nobody = resolve_mission(ada.ledger(), asked, replace(CODER, agents=frozenset({"command"})))
    assert nobody.waits == "desk has no agent for a coding_task"


def test_a_node_works_on_it_and_the_result_says_so(tmp_path: Path) -> None:
    """Through claim, attempt and fold: the log is the project's, and the file names what was chosen."""
    town = Town(DOCUMENTS | {"missions/m.md": "How does Kestrel's LoRa uplink save power in the station?\n"})
    desk = working(town.peer("desk"), tmp_path)
    desk.settle()
    assert desk.agent.jobs[0].mission.project == "kestrel"
    told = town.peer("ada").archived("m")
    assert "matched_project: kestrel" in told
    assert "names no project; worked on kestrel (because it names “Kestrel”" in told
    assert "project:" not in told.replace("matched_project:", "")
    assert "m-1" in town.peer("ada").text("projects/kestrel/SESSION_LOG.md")


def test_one_that_waits_is_not_claimed_until_somebody_names_its_project(tmp_path: Path) -> None:
    """The node tells once why, leaves it alone, and takes it as soon as the file says which."""
    town = Town(DOCUMENTS | {"missions/m.md": UNSURE.replace("claude", "builtin").replace("coding", "coding")})
    agent = Scripted()
    desk = working(town.peer("desk"), tmp_path, agents={"claude": agent}, offered={"claude"})
    ada = town.peer("ada")
    ada.push({"missions/m.md": UNSURE})
    desk.settle()
    desk.settle()
    assert ada.ledger().claims == {}
    assert [event for event, words in desk.told if "names no project" in words] == ["waits"] * len(
        [1 for event, _ in desk.told if event == "waits"]
    )
    ada.push({"missions/m.md": UNSURE.replace("task:", "project: shop\ntask:")})
    desk.settle()
    assert agent.jobs[0].mission.project == "shop"


@pytest.mark.parametrize("field", ["matched_project: site", "chosen_agent: codex"])
def test_a_nodes_word_in_the_file_chooses_nothing(field: str) -> None:
    """Those fields are no part of what a person signs, so whoever may push could write them: nobody obeys them."""
    ada, asked = mission(SURE.replace("agent: claude\n", f"{field}\n"))
    one = resolve_mission(ada.ledger(), asked, CODER)
    assert (one.mission.project, one.mission.agent) == ("shop", "claude")


WEAK = NodeCapabilities(
    node="desk", role="LOCAL_WORKER", agents=frozenset({"builtin", "command"}), weak=frozenset({"builtin"})
)


@pytest.mark.parametrize(
    ("fields", "given"),
    [
        ("task: coding_task\n", False),
        ('scope: ["CHANGELOG.md"]\n', False),
        ("", True),
    ],
    ids=["code", "a scope", "a question"],
)
def test_auto_gives_a_toy_no_work_on_a_project(fields: str, given: bool) -> None:
    """The mission waits with the line that mends it; a question it may answer."""
    ada, asked = mission(f"---\nproject: shop\nagent: auto\n{fields}---\nWrite a CHANGELOG.md\n")
    one = resolve_mission(ada.ledger(), asked, WEAK)
    assert (one.mission.agent == "builtin") is given
    assert ("install one of claude" in one.waits and "--agent builtin" in one.waits) is not given
    named = replace(asked, agent="builtin")
    assert resolve_mission(ada.ledger(), named, WEAK).waits == ""
    strong = resolve_mission(ada.ledger(), asked, replace(WEAK, weak=frozenset()))
    assert strong.mission.agent == "builtin"


@pytest.mark.parametrize(
    ("pages", "waits"),
    [
        ({}, False),
        ({"desk": "agents: builtin, command\nweak: builtin\n"}, True),
        ({"desk": "agents: builtin, command\nweak: builtin\n", "vps": "agents: claude\n"}, False),
        ({"desk": "agents: builtin, command\n"}, False),
    ],
    ids=["nobody announced", "a toy only", "somebody has claude", "a better model"],
)
def test_a_list_says_why_it_waits(pages: dict[str, str], waits: bool) -> None:
    """By what the nodes say of themselves on their pages."""
    files = {f"heartbeats/{name}.md": f"---\nnode: {name}\n{text}---\n" for name, text in pages.items()}
    text = "---\nproject: shop\ntask: coding_task\nagent: auto\n---\nWrite a CHANGELOG.md\n"
    ada = ledger_of({"missions/m.md": text, **files})
    ledger = beating(ada.ledger(), *pages)
    view = next(iter(mission_views(ledger, ada.trust, ada.bus.now(), archived=False)))
    assert ("no node has a coding agent" in view.reason) is waits
    assert view.status == "queued"
