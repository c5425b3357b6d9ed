"""Does a node that died look dead, and is it told where its work went?"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from orchestrator.cli.fleet.nodes import node_row
from orchestrator.ledger import claims
from orchestrator.ledger.node_pages import LastSeenStore, Presence, list_presences
from sync.remote import RefUpdate
from tests.ledgers import NOON, Peer, Town

TWO = {"missions/a.md": "Do it.\n", "missions/b.md": "Do it.\n"}


def beat(town: Town, name: str, number: int) -> None:
    """Moves a node's beat."""
    ref = f"refs/shiftbook/beat/{name}"
    new = town.server.store.put("blob", b"shiftbook beat %d\n" % number)
    town.peer(name).line.push([RefUpdate(ref=ref, expect=town.server.refs.get(ref), new=new)])


def take_over(by: Peer, mission: str) -> None:
    """As a node does after a lease."""
    held = by.ledger().claims[mission]
    mine = claims.prepare_takeover(by.bus, held, blob=held.claim.blob)
    assert claims.push_takeover(by.bus, held, mine)


def nodes(town: Town, seen: LastSeenStore, minutes: float) -> dict[str, Presence]:
    """What somebody sees who looks so many minutes after noon."""
    ledger, now = town.peer("ada").ledger(), NOON + timedelta(minutes=minutes)
    return {one.name: one for one in list_presences(ledger, seen.update(ledger.beats, now), now)}


def test_a_node_that_stands_still_is_silent_and_not_unknown(tmp_path: Path) -> None:
    """Also where nobody here ever saw it move: after five minutes of looking at it, it is stale, then offline."""
    town, seen = Town(), LastSeenStore(tmp_path / "seen.json")
    beat(town, "vps", 1)
    states = []
    for minutes in (0, 4, 6, 16, 27):
        one = nodes(town, seen, minutes)["vps"]
        states.append((one.state, one.silent_seconds))
    assert states == [("unknown", 0), ("unknown", 240), ("stale", 360), ("offline", 960), ("offline", 1620)]
    beat(town, "vps", 2)
    one = nodes(town, seen, 28)["vps"]
    assert (one.state, one.silent_seconds, one.moved) == ("live", 0, NOON + timedelta(minutes=28))
    assert nodes(town, LastSeenStore(tmp_path / "other.json"), 28)["vps"].state == "unknown"


def test_what_an_older_version_noted_is_read(tmp_path: Path) -> None:
    """It kept no time since when: that is when it saw the beat move, or now."""
    town, path = Town(), tmp_path / "seen.json"
    beat(town, "vps", 1)
    oid = town.server.refs["refs/shiftbook/beat/vps"]
    path.write_text(f'{{"vps": {{"beat": "{oid}", "moved": "{NOON.isoformat()}"}}}}', encoding="utf-8")
    assert nodes(town, LastSeenStore(path), 20)["vps"].silent_seconds == 1200


def test_the_work_of_a_silent_node_is_told_where_it_went(tmp_path: Path) -> None:
    """What is still worked on, and what is done since; not what was taken over before it was last seen alive."""
    town, seen = Town(TWO), LastSeenStore(tmp_path / "seen.json")
    vps, hq = town.peer("vps"), town.peer("hq")
    beat(town, "vps", 1)
    nodes(town, seen, 0)
    vps.claim("a", "b")
    beat(town, "vps", 2)
    nodes(town, seen, 1)
    take_over(hq, "a")
    one = nodes(town, seen, 28)["vps"]
    assert (one.handed_over, one.works_on) == ({"a": "hq"}, ("b",))
    assert node_row(one)[2].startswith("silent for 27 min; its work went to hq (a); it still holds b")
    assert asdict(one)["handed_over"] == {"a": "hq"}
    take_over(hq, "b")
    hq.end(hq.ledger().claims["b"], section="### Attempt\n\ntook over from vps after 3 min of silence")
    hq.fold()
    assert nodes(town, seen, 29)["vps"].handed_over == {"a": "hq", "b": "hq"}
    beat(town, "vps", 3)
    assert nodes(town, seen, 30)["vps"].handed_over == {}
