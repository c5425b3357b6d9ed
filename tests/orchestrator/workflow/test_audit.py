"""Does the audit say who did what, and believe nobody's own word for it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.workflow.audit import AuditEntry, _time, read_audit
from tests.ledgers import FLEET, Keys, Town

TASK = "---\ntitle: Fix\n---\nFix it.\n"


@pytest.fixture
def town(keys: Keys) -> Iterator[Town]:
    signers = keys.signers(ada=("admin", "author"), vps=("node",))
    town = Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers, "missions/m.md": TASK})
    yield town
    town.close()


def audit(town: Town, **wanted: object) -> list[AuditEntry]:
    reader = town.peer("reader")
    return list(read_audit(reader.ledger(), reader.trust, **wanted))  # type: ignore[arg-type]


def test_who_did_what(town: Town, keys: Keys) -> None:
    """Newest first: who signed each commit, with which roles, and what it added, changed and took away."""
    ada, vps = town.peer("ada", key=keys["ada"]), town.peer("vps", key=keys["vps"])
    first = ada.push({"missions/n.md": TASK, "missions/m.md": None}, "Fix n instead")
    second = vps.push({"missions/n.md": TASK + "more"}, "Work")
    found = audit(town)
    assert [one.commit for one in found] == [second, first, town.root]
    assert (found[0].who, found[0].roles, found[0].paths) == ("vps", ("node",), ("~missions/n.md",))
    assert (found[1].who, found[1].roles) == ("ada", ("admin", "author"))
    assert (found[1].subject, found[1].paths) == ("Fix n instead", ("-missions/m.md", "+missions/n.md"))
    assert found[1].vouched


def test_chosen(town: Town, keys: Keys) -> None:
    """By signer, by nobody who counts, by path and by day."""
    ada = town.peer("ada", key=keys["ada"])
    mine = ada.push({"missions/n.md": TASK})
    town.peer("vps", key=keys["vps"]).push({"logs/vps/x.md": "x"})
    theirs = town.peer("eve").push({"missionsX": "x"})
    assert [one.commit for one in audit(town, who="ada")] == [mine]
    assert [one.commit for one in audit(town, who="-")] == [theirs, town.root]
    assert {one.commit for one in audit(town, path="missions/")} == {mine, town.root}
    assert [one.commit for one in audit(town, path="missions/n.md")] == [mine]
    assert audit(town, since=audit(town)[0].when + timedelta(seconds=1)) == []


def test_a_name_is_no_proof(town: Town, keys: Keys) -> None:
    """Who calls himself ada is not ada: without a signature, with one over other words, or with a strange key."""
    plain = town.peer("ada").push({"a": "1"})
    stolen = keys["ada"].sign(b"something else")
    forger = town.peer("ada")
    forged = replace(forger, bus=replace(forger.bus, sign=lambda _: stolen)).push({"a": "2"})
    strange = town.peer("ada", key=keys["eve"]).push({"a": "3"})
    found = {one.commit: one for one in audit(town)}
    for commit in (plain, forged, strange):
        assert found[commit].who == ""
        assert "ada" in found[commit].says
    assert found[plain].says.startswith("not signed")
    assert keys["eve"].public[-12:] in found[strange].says
    assert not audit(town, who="ada")


def test_revoked(town: Town, keys: Keys) -> None:
    """What a key signed that was taken out since counts no more, and says which key that was."""
    bad = town.peer("vps", key=keys["vps"]).push({"a": "1"})
    town.peer("ada", key=keys["ada"]).push({"allowed_signers": keys.signers(ada=("admin", "author"))})
    found = next(one for one in audit(town) if one.commit == bad)
    assert (found.who, keys["vps"].public[-12:] in found.says) == ("", True)


def test_hostile_words(town: Town, keys: Keys) -> None:
    """What others wrote moves no cursor and hides no line."""
    town.peer("ada", key=keys["ada"]).push({"missions/a\x1b[2Jb.md": TASK}, "Fine\x1b[1A\u202etxt\r\nhidden")
    found = audit(town)[0]
    assert found.subject.isprintable()
    assert all(path.isprintable() for path in found.paths)


@pytest.mark.parametrize("seconds", [-(2**63), 2**63, 253_402_300_800])
def test_times_out_of_all_time(seconds: int) -> None:
    """A commit from beyond all calendars ends no audit."""
    assert datetime(1970, 1, 1, tzinfo=UTC) <= _time(seconds) <= datetime.max.replace(tzinfo=UTC)
