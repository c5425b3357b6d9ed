"""Are people told of a finding once, by one node, and only if a node of the fleet has signed it?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.ledger.config.notification import NotificationKind
from orchestrator.ledger.heartbeat.turn_record import FLEET_TURN
from orchestrator.node.notifications.finding_watch import FindingWatch
from orchestrator.policy.heartbeat_missions import followed_record
from orchestrator.workflow.heartbeat.probe import Finding
from sync.remote import RefUpdate
from tests.ledgers import Keys, Town
from tests.orchestrator.node.notifications.conftest import Desk, look
from tests.orchestrator.workflow.heartbeat.turns import OPEN, Scripted, signed_town, turn
from tests.receivers import Hook

LINES = "## Every beat\n- probe weather\n- each node: probe weather own\n"


def test_a_finding_is_told_once_through_the_outbox(desk: Desk, web: Hook, tmp_path: Path) -> None:
    """The fleet's and a node's own; not again at the next turns nor after a restart, and as plain words."""
    town = Town({"fleet.toml": OPEN, "HEARTBEAT.md": LINES})
    ada, rain = town.peer("ada"), Scripted(Finding(subject="rain", says="it rains, see http://evil.example/now @all"))
    desk.clock = town.clock
    looking = turn(ada, tmp_path, probes={"probe weather": rain})
    for _ in range(3):
        looking.run(shared=True, silent={})
        looking.run(shared=False, silent={})
        look(desk.herald("ada", web.url()), ada)
        town.clock.forward(1800)
    assert web.titles == ["fleet: 2 things happened"]
    body = web.got[0]["message"]
    assert body.count("It rains, see") == 2
    assert "://e" not in body
    assert "@all" not in body


def test_what_no_node_signed_is_not_told(tmp_path: Path, keys: Keys) -> None:
    """Whoever may push to the server cannot have people rung; what stood for a week is no news any more."""
    town = signed_town(keys, LINES)
    n1 = town.peer("n1", key=keys["n1"])
    turn(n1, tmp_path, probes={"probe weather": Scripted(Finding(subject="rain", says="it rains"))}).run(
        shared=True, silent={}
    )
    ledger = n1.ledger()
    (told,) = FindingWatch(signer=n1.trust.signer).notices(ledger, town.clock())
    assert (told.kind, told.body) == (NotificationKind.FINDING, "It rains.")
    watch = FindingWatch(signer=n1.trust.signer)
    assert len(list(watch.notices(ledger, town.clock()))) == 1
    assert list(watch.notices(replace(ledger), town.clock())) == []
    record, _ = followed_record(ledger, lambda commit: n1.trust.signer(ledger, commit))
    eve = town.peer("eve", key=keys["eve"])
    eve.bus.remote.fetch()
    forged = eve.bus.commit({"turns.json": record.print()}, "record", onto=None, tree=None)
    eve.bus.remote.push([RefUpdate(ref=FLEET_TURN, expect=ledger.refs[FLEET_TURN], new=forged)])
    assert list(FindingWatch(signer=n1.trust.signer).notices(n1.ledger(), town.clock())) == []
    town.clock.forward(8 * 86_400)
    assert list(FindingWatch(signer=n1.trust.signer).notices(ledger, town.clock())) == []
