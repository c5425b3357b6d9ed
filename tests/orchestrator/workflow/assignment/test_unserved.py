"""Is it told that nobody of the fleet can do a mission, and what would mend it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from missions.mission import Mission
from missions.selection import NodeCapabilities
from orchestrator.core.roles import Role
from orchestrator.ledger.config.notification import NotificationKind
from orchestrator.ledger.node_pages import render_page
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import BEAT
from orchestrator.node.notifications.unserved_watch import WAIT_SECONDS, UnservedWatch
from orchestrator.workflow.assignment.unserved import NO_NODE, UnservedMissions
from orchestrator.workflow.mission_view import find_view
from tests.ledgers import Peer, Town

NODES = {"vm": ("builtin", "command"), "nas": ("builtin", "codex")}


def fleet(missions: Mapping[str, str], nodes: Mapping[str, tuple[str, ...]]) -> tuple[Peer, LedgerSnapshot]:
    """A ledger with these missions, whose nodes have pages and beat."""
    pages = {
        f"heartbeats/{name}.md": render_page(
            NodeCapabilities(
                node=name, role="worker", agents=frozenset(agents), capabilities=frozenset({f"on-{name}"})
            ),
            Role.LOCAL_WORKER,
        )
        for name, agents in nodes.items()
    }
    ada = Town({**pages, **{f"missions/{name}.md": text for name, text in missions.items()}}).peer("ada")
    return ada, beating(ada.ledger(), *nodes)


def beating(ledger: LedgerSnapshot, *nodes: str) -> LedgerSnapshot:
    """The same while these nodes beat."""
    others = {ref: oid for ref, oid in ledger.refs.items() if not ref.startswith(BEAT)}
    return replace(ledger, refs={**others, **{f"{BEAT}{name}": "0" * 40 for name in nodes}})


def mission(**fields: object) -> Mission:
    """A mission in the queue."""
    return Mission(**{"name": "m", "title": "m", "body": "do", "agent": "claude", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {},
            "no node of this fleet offers claude (nas, vm: not installed, `npm install -g @anthropic-ai/claude-code`)",
        ),
        (
            {"agent": "auto", "agent_order": ("claude", "gemini")},
            "no node of this fleet offers any of claude, gemini (nas, vm); install one there, such as claude:"
            " `npm install -g @anthropic-ai/claude-code`",
        ),
        ({"agent": "auto", "agent_order": ("claude", "codex")}, ""),
        ({"agent": "codex"}, ""),
        ({"agent": "acp-goose"}, "acp-goose is in no table of fleet.toml: an admin adds [agents.acp-goose]"),
        ({"agent": "command", "run": "x"}, ""),
        ({"agent": "codex", "to": ("on-vm",)}, "no node that is up is meant by “to: on-vm” (nas could do it)"),
        ({"agent": "codex", "to": ("on-nas",)}, ""),
        ({"agent": "codex", "to": ("mars",)}, "no node that is up is meant by “to: mars” (nas could do it)"),
        ({"agent": "codex", "capabilities": ("on-nas",)}, ""),
        (
            {"agent": "builtin", "capabilities": ("keyring", "gpu")},
            "no node that is up has keyring, gpu; set SHIFTBOOK_CAPABILITIES=keyring,gpu on one that has"
            " (nas, vm could do it)",
        ),
        (
            {"agent": "builtin", "capabilities": ("on-vm", "on-nas")},
            "no node that is up has all of on-vm, on-nas (nas: on-nas; vm: on-vm)",
        ),
        ({"agent": "codex", "to": ("general",)}, ""),
        ({"agent": "codex", "to": ("nas/general",)}, ""),
        ({"agent": "codex", "to": ("nas/coder",)}, "the coder of nas takes no general_task"),
        (
            {"agent": "codex", "to": ("vm/general",)},
            "no node that is up is meant by “to: vm/general” (nas could do it)",
        ),
    ],
)
def test_why_nobody_can(fields: dict[str, object], why: str) -> None:
    """The agent is nowhere, or not where it is meant for; silent where one node can."""
    _, ledger = fleet({}, NODES)
    assert UnservedMissions(ledger).reason(mission(**fields)) == why


def test_nobody_is_up_and_somebody_has_just_started() -> None:
    """Without a beat nobody is there; a node without a page may be about to say what it offers."""
    _, ledger = fleet({}, NODES)
    assert UnservedMissions(beating(ledger)).reason(mission()) == NO_NODE
    assert UnservedMissions(beating(ledger, *NODES, "new")).reason(mission()) == ""


def test_who_is_away_is_waited_for_by_name() -> None:
    """A laptop that left: what only it can do waits for it, and says so; what another can do does not."""
    _, ledger = fleet({}, NODES)
    ledger = beating(ledger, "vm")
    watch = UnservedMissions(ledger)
    assert watch.reason(mission(agent="builtin", capabilities=("on-nas",))) == (
        "waits for nas, which can do it and is not up"
    )
    assert watch.reason(mission(agent="codex")) == "waits for nas, which can do it and is not up"
    assert watch.reason(mission(agent="builtin")) == ""


def test_a_node_that_takes_no_code_is_not_said_to_be_able() -> None:
    """ENABLE_VP_CODER=False and a missing sandbox stand on the page: routing and what people read are the same."""
    plain = NodeCapabilities(node="vm", role="worker", agents=frozenset({"builtin"}))
    for offer, why in [
        (replace(plain, tasks=frozenset({"general_task", "review"})), "vm takes no coding_task"),
        (
            replace(plain, answering=frozenset({"builtin"})),
            "vm has no sandbox in which builtin could change files",
        ),
    ]:
        page = {"heartbeats/vm.md": render_page(offer, Role.LOCAL_WORKER)}
        ledger = beating(Town(page).peer("ada").ledger(), "vm")
        assert UnservedMissions(ledger).reason(mission(agent="builtin", task="coding_task")) == why
        assert UnservedMissions(ledger).reason(mission(agent="builtin")) == ""


def test_it_stands_in_the_list() -> None:
    """Behind what the mission itself waits for."""
    missions = {"m": "---\nagent: claude\n---\ndo\n", "after": "---\nagent: claude\ndepends_on: [m]\n---\ndo\n"}
    ada, ledger = fleet(missions, {"vm": ("builtin",)})
    reasons = [view.reason for name in missions if (view := find_view(ledger, ada.trust, name, ada.bus.now()))]
    assert [str(reason).partition(" (")[0] for reason in reasons] == [
        "no node of this fleet offers claude",
        "waits for m",
    ]


def test_people_are_told_after_some_minutes() -> None:
    """Under one key for as long as the wait is the same; not at once, not of what would not run anyway."""
    ada, ledger = fleet({"m": "---\nagent: claude\n---\ndo\n", "stranger": "---\nagent: codex\n---\ndo\n"}, {"vm": ()})
    now = ada.bus.now()
    watch = UnservedWatch(trusted=lambda _, filed: filed.mission.name != "stranger")
    assert list(watch.notices(ledger, now, 0.0)) == []
    assert list(watch.notices(ledger, now, WAIT_SECONDS - 1)) == []
    (told,) = watch.notices(ledger, now + timedelta(seconds=WAIT_SECONDS), WAIT_SECONDS)
    assert (told.kind, told.path) == (NotificationKind.UNSERVED, "/missions/m")
    assert "no node of this fleet offers claude (vm: not installed, `npm install" in told.body
    (again,) = watch.notices(ledger, now, WAIT_SECONDS + 60)
    assert again.key == told.key
    _, served = fleet({"m": "---\nagent: claude\n---\ndo\n"}, {"vm": ("claude",)})
    assert list(watch.notices(served, now, WAIT_SECONDS + 120)) == []
    assert list(watch.notices(ledger, now, WAIT_SECONDS + 180)) == []
