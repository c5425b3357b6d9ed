"""Is every ended mission told once, over restarts and by one node only, whatever its title says?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from missions.lease import ClaimState
from missions.mission import Mission, Status
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.config.notification import NotificationKind
from orchestrator.ledger.config.notify_table import NotifyPart
from orchestrator.ledger.node_pages import OFFLINE_AFTER
from orchestrator.node.announcer import publish_page
from orchestrator.node.notifications import publisher as heralds
from orchestrator.node.notifications.elected_node import is_first_alive, notifier_order
from orchestrator.node.notifications.mission_events import (
    KIND_BY_STATUS,
    MissionState,
    TreeComparison,
    notification_for,
)
from sync.heartbeat import MAX_STRETCH
from sync.remote import MAX_OBJECT_BYTES, RefUpdate
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.orchestrator.node.notifications.conftest import Desk, look, notice
from tests.receivers import Hook, Mailbox

FIX = {"missions/fix.md": "---\ntitle: Fix the log-in\nproject: shop\n---\nFix it.\n"}
SECONDS = OFFLINE_AFTER.total_seconds()


def end(peer: Peer, name: str, state: ClaimState = ClaimState.DONE) -> None:
    """One attempt at a mission, folded."""
    peer.attempt(name, state)
    peer.fold()


def test_an_ended_mission_is_told_once(desk: Desk, web: Hook) -> None:
    """What was there at the first look is not news; what ends afterwards is, once, after a restart as well."""
    town = Town(FIX | {"missions/old.md": "Old.\n"})
    ada = town.peer("ada")
    end(ada, "old")
    herald = desk.herald("ada", web.url())
    look(herald, ada)
    assert desk.told == []
    end(ada, "fix")
    look(herald, ada)
    look(herald, ada)
    look(desk.herald("ada", web.url()), ada)
    assert web.titles == ["Fix the log-in is done"]
    assert web.keys == ["fix-1-done"]
    assert web.got[0]["message"].startswith("Ada finished “Fix the log-in” for shop")


def test_what_ended_while_the_node_was_down_is_told_when_it_is_back(desk: Desk, web: Hook) -> None:
    """As it stands by then: of a mission that failed and then succeeded only the end is news."""
    town = Town(FIX | {"missions/b.md": "B.\n", "missions/c.md": "---\nmax_retries: 1\n---\nC.\n"})
    ada = town.peer("ada")
    look(desk.herald("ada", web.url()), ada)
    end(ada, "fix", ClaimState.FAILED)
    end(ada, "fix")
    ada.push({"missions/new.md": "New.\n"})
    end(ada, "new")
    end(ada, "c", ClaimState.FAILED)
    look(desk.herald("ada", web.url()), ada)
    assert web.titles == ["fleet: 3 things happened, 1 waits for you"]
    lines = web.got[0]["message"].splitlines()
    assert lines[0].startswith("· Ada gave up on “C.” after 1 attempt; it waits for you")
    assert len(lines) == 3


def test_each_state_is_told_in_its_words(desk: Desk, web: Hook) -> None:
    """A failed attempt says when it is tried again, a held one that it waits."""
    town = Town(FIX | {"missions/held.md": "---\napprove: always\n---\nHeld.\n", "missions/stop.md": "Stop.\n"})
    ada = town.peer("ada")
    herald = desk.herald("ada", web.url())
    look(herald, ada)
    end(ada, "fix", ClaimState.FAILED)
    look(herald, ada)
    end(ada, "held")
    look(herald, ada)
    end(ada, "stop", ClaimState.CANCELLED)
    look(herald, ada)
    assert web.titles == ["Fix the log-in failed", "Held. waits for you"]
    assert "is tried again at" in web.got[0]["message"]


def test_a_copy_is_not_told_as_what_it_was_copied_from(desk: Desk, web: Hook) -> None:
    """It starts anew: only its own end is news."""
    town = Town({"missions/held.md": "---\napprove: always\n---\nHeld.\n"})
    ada = town.peer("ada")
    herald = desk.herald("ada", web.url())
    end(ada, "held")
    look(herald, ada)
    ada.push({"missions/again.md": ada.text("missions/held.md").replace("Held.", "Again.")})
    look(herald, ada)
    assert web.titles == []
    end(ada, "again")
    look(herald, ada)
    assert web.titles == ["Again. waits for you"]


BASE = Mission(name="fix", title="Fix", body="", epoch=1)
PARKED = replace(BASE, status=Status.PARKED, epoch=2, reason="budget of the day reached: $5.01 of $5.00")


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (BASE, replace(BASE, status=Status.DONE, epoch=2), NotificationKind.DONE),
        (None, replace(BASE, status=Status.DONE), NotificationKind.DONE),
        (BASE, PARKED, NotificationKind.BUDGET),
        (BASE, replace(PARKED, reason="quota of the account is used up"), NotificationKind.PARKED),
        (BASE, replace(BASE, status=Status.DEAD, epoch=2, task="review"), NotificationKind.LOG_REVIEW),
        (BASE, replace(BASE, status=Status.QUEUED, epoch=2), None),
        (BASE, replace(BASE, status=Status.CANCELLED, epoch=2), None),
        (BASE, replace(BASE, status=Status.DONE), None),
        (replace(BASE, status=Status.REVIEW), replace(BASE, status=Status.DONE), None),
        (
            replace(BASE, status=Status.DONE),
            replace(BASE, status=Status.DONE, decided_by="policy"),
            NotificationKind.DONE,
        ),
        (replace(BASE, status=Status.DONE), replace(BASE, status=Status.DONE, decided_by="ada"), None),
        (
            replace(BASE, status=Status.DONE),
            replace(BASE, status=Status.REVIEW, reason="merge conflict"),
            NotificationKind.REVIEW,
        ),
        (replace(BASE, status=Status.REVIEW, reason="x"), replace(BASE, status=Status.REVIEW, reason="x"), None),
        (BASE, replace(BASE, status=Status.PARKED, epoch=2, reason="paused by ada"), None),
        (BASE, replace(BASE, status=Status.PARKED, reason="paused by ada"), None),
        (None, replace(BASE, status=Status.DONE, epoch=0), None),
        (BASE, None, None),
    ],
)
def test_what_is_news(before: Mission | None, after: Mission | None, kind: NotificationKind | None) -> None:
    """An attempt that ended is; what a person did with the file is not told back to them."""
    was = MissionState(mission=before) if before else None
    found = notification_for(was, MissionState(mission=after, archived=True) if after else None)
    assert (found.kind if found else None) == kind


def test_what_policy_let_pass_is_done_when_it_is_where_it_belongs() -> None:
    """Not while its branch is still to be merged; and each time that this fails somebody is called again."""
    first = replace(BASE, status=Status.DONE, epoch=2, decided_by="policy")
    assert notification_for(MissionState(mission=BASE), MissionState(mission=first)) is None
    done = notification_for(MissionState(mission=first), MissionState(mission=first, archived=True))
    assert done is not None
    assert done.key == "fix-2-done"
    conflict = replace(first, status=Status.REVIEW, reason="merge conflict", decided_by=None)
    back = notification_for(MissionState(mission=first), MissionState(mission=conflict))
    approved = replace(first, decided_by="ada", decided=Town().clock())
    again = notification_for(MissionState(mission=approved), MissionState(mission=conflict))
    assert back is not None
    assert again is not None
    assert "merge conflict" in back.body
    assert back.key != again.key


def test_every_kind_of_an_end_has_words() -> None:
    """No state is told without a sentence that names the mission."""
    for status in KIND_BY_STATUS:
        found = notification_for(
            None, MissionState(mission=replace(BASE, status=status, node="vps", attempt=2), archived=True)
        )
        assert found is not None
        assert "“Fix”" in found.body
        assert "Vps" in found.body or "vps" in found.body


EVIL = r'"Fix\r\nBcc: eve@evil.example\r\n\r\n<b>@everyone</b> <!channel> [log in](http://evil.example/x)"'


def test_a_hostile_title_is_only_words(desk: Desk, web: Hook, mail: Mailbox) -> None:
    """No header of a mail, no markup, no call to everybody and no link comes of what somebody wrote into a mission."""
    ada = Town({"missions/evil.md": f"---\ntitle: {EVIL}\n---\nEvil.\n"}).peer("ada")
    herald = desk.herald("ada", f"{web.url()} {mail.url()}")
    look(herald, ada)
    end(ada, "evil")
    look(herald, ada)
    assert mail.recipients == [["ada@shiftbook.invalid"]]
    assert mail.mails[0]["Bcc"] is None
    assert len(mail.mails[0].get_all("Subject", [])) == 1
    said = f"{web.got[0]['title']}\n{web.got[0]['message']}\n{mail.mails[0]['Subject']}"
    assert "Fix Bcc:" in said
    for never in ("<b>", "@everyone", "<!channel>", "](", "http://evil"):
        assert never not in said
    raw = mail.raw[0].decode("utf-8", "replace").lower()
    assert "\nbcc:" not in raw.replace("\r", "")
    assert "<b>@" not in raw


# -- who tells --------------------------------------------------------------------------------------------------


def page(name: str, role: str, *, notifies: bool = True) -> dict[str, str]:
    """A node's page."""
    can = "notifies: yes\n" if notifies else ""
    return {f"heartbeats/{name}.md": f"---\nnode: {name}\nrole: {role}\n{can}---\n"}


PAGES = page("hq", "HEADQUARTERS") | page("ada", "LOCAL_WORKER") | page("box", "STANDALONE_NODE")


def test_headquarters_goes_first_then_standalone_nodes_then_workers() -> None:
    """All read the same pages, so all agree; whoever cannot send is not in line."""
    town = Town(PAGES | page("mute", "HEADQUARTERS", notifies=False))
    ledger = town.peer("ada").ledger()
    assert notifier_order(ledger) == ("hq", "box", "ada")
    assert notifier_order(ledger, "new")[:2] == ("hq", "box")
    assert set(notifier_order(ledger, "new")[2:]) == {"ada", "new"}


def test_the_fleets_file_names_who_tells(tmp_path: Path) -> None:
    """`notify.by` goes before every role."""
    toml = FLEET.format(trust="remote") + '[notify]\nby = "ada"\n'
    ledger = Town(PAGES | {"fleet.toml": toml}).peer("x").ledger()
    assert notifier_order(ledger) == ("ada", "hq", "box")


def test_a_page_of_no_node_counts_for_nothing(keys: Keys) -> None:
    """Whoever may push cannot silence a fleet by writing a page for a headquarters that does not exist."""
    signers = keys.signers(root=["admin"], ada=["node"])
    ledger = Town(PAGES | {"allowed_signers": signers}).peer("ada").ledger()
    assert notifier_order(ledger) == ("ada",)


@pytest.mark.parametrize(
    "junk", ["", "---\nnotifies: [yes\n---\n", "---\nrole: {a: b}\nnotifies: 1\n---\n", "\0\0", "---\n"]
)
def test_a_broken_page_stops_nobody(junk: str) -> None:
    """It is a page that says nothing."""
    town = Town(PAGES | {"heartbeats/hq.md": junk, "heartbeats/x.txt": "x", "heartbeats/d/e.md": "deep"})
    assert notifier_order(town.peer("ada").ledger()) == ("box", "ada")


def test_two_nodes_tell_a_thing_once(desks: Callable[[str], Desk], web: Hook) -> None:
    """Only the one whose turn it is sends; when the turn changes, the next one goes on from there."""
    town = Town(FIX | {"missions/b.md": "B.\n"} | page("hq", "HEADQUARTERS") | page("ada", "LOCAL_WORKER"))
    hq, ada = town.peer("hq"), town.peer("ada")
    first, second = desks("hq").herald("hq", web.url("hq")), desks("ada").herald("ada", web.url("ada"))
    for herald, peer in ((first, hq), (second, ada)):
        look(herald, peer)
    end(ada, "fix")
    for herald, peer in ((second, ada), (first, hq)):
        look(herald, peer)
    assert len(web.got) == 1
    hq.push({"heartbeats/hq.md": None})
    end(ada, "b")
    look(second, ada)
    assert web.titles == ["Fix the log-in is done", "B. is done"]


def beat(peer: Peer, data: str) -> None:
    """Moves a node's beat."""
    ref = f"refs/shiftbook/beat/{peer.name}"
    blob = peer.bus.store.put("blob", data.encode())
    peer.line.remote.push([RefUpdate(ref=ref, expect=peer.bus.remote.fetch().get(ref), new=blob)])


def pass_time(desk: Desk, *looks: Callable[[], None], minutes: int) -> None:
    """Lets minutes go by, with a look each."""
    for _ in range(minutes):
        desk.ticks.at += 60
        desk.clock.forward(60)
        for each in looks:
            each()


def test_a_node_that_went_silent_is_told_once_until_it_moves(desk: Desk, web: Hook) -> None:
    """After a quarter of an hour, over restarts once; a node that took its beat down left on purpose."""
    town = Town(FIX | page("hq", "HEADQUARTERS"))
    hq, vps, gone = town.peer("hq"), town.peer("vps"), town.peer("gone")
    beat(vps, "1")
    beat(gone, "1")
    vps.hold("fix")
    herald = desk.herald("hq", web.url())
    look(herald, hq)
    gone.line.remote.push([RefUpdate(ref="refs/shiftbook/beat/gone", expect=hq.ledger().beats["gone"], new=None)])
    pass_time(desk, lambda: look(herald, hq), minutes=14)
    assert web.got == []
    pass_time(desk, lambda: look(herald, hq), minutes=5)
    assert web.titles == ["vps went silent"]
    assert "it worked on fix" in web.got[0]["message"]
    again = desk.herald("hq", web.url())
    pass_time(desk, lambda: look(again, hq), minutes=20)
    assert len(web.got) == 1
    beat(vps, "2")
    pass_time(desk, lambda: look(again, hq), minutes=2)
    beat(vps, "1")  # the ring came round
    pass_time(desk, lambda: look(again, hq), minutes=20)
    assert web.titles == ["vps went silent", "vps went silent"]


def test_of_a_node_that_comes_and_goes_for_months_one_loss_is_remembered(desk: Desk, web: Hook) -> None:
    """Each is told once: what counts is where its beat stands, and a beat that moved never stands there again."""
    town = Town(FIX | page("hq", "HEADQUARTERS"))
    hq, vps = town.peer("hq"), town.peer("vps")
    herald = desk.herald("hq", web.url())
    for number in range(5):
        beat(vps, f"{number}")
        look(herald, hq)
        pass_time(desk, lambda: look(herald, hq), minutes=20)
        assert len(herald._told) == 1
    assert web.titles == ["vps went silent"] * 5
    vps.line.remote.push([RefUpdate(ref="refs/shiftbook/beat/vps", expect=hq.ledger().beats["vps"], new=None)])
    look(herald, hq)
    assert herald._told == set()


def test_a_node_that_said_it_beats_seldom_is_not_told_as_silent_before(desk: Desk, web: Hook) -> None:
    """A quarter of an hour is nothing for one whose lease lasts forty minutes; then it is told as any other."""
    town = Town(FIX | page("hq", "HEADQUARTERS"))
    hq, vps = town.peer("hq"), town.peer("vps")
    stretch = int(40 * 60 / hq.ledger().charter.bus.lease)
    beat(vps, f"shiftbook beat 1 of {min(stretch, MAX_STRETCH)}\n")
    herald = desk.herald("hq", web.url())
    minutes = int(hq.ledger().charter.bus.lease * min(stretch, MAX_STRETCH) / 60)
    look(herald, hq)
    pass_time(desk, lambda: look(herald, hq), minutes=minutes - 1)
    assert minutes > 16
    assert web.got == []
    pass_time(desk, lambda: look(herald, hq), minutes=4)
    assert web.titles == ["vps went silent"]


def test_a_node_that_was_cut_off_itself_calls_nobody_lost(desk: Desk, web: Hook) -> None:
    """A gap in what it saw proves nothing about the others."""
    town = Town(page("hq", "HEADQUARTERS"))
    hq, vps = town.peer("hq"), town.peer("vps")
    beat(vps, "1")
    herald = desk.herald("hq", web.url())
    look(herald, hq)
    desk.ticks.at += 3 * SECONDS
    look(herald, hq)
    assert web.got == []


def test_the_next_in_line_tells_that_the_speaker_is_silent_and_nothing_else(desk: Desk, web: Hook) -> None:
    """What ends meanwhile is told by the speaker when it is back; so nothing is told twice."""
    town = Town(FIX | page("hq", "HEADQUARTERS") | page("ada", "LOCAL_WORKER") | page("bob", "LOCAL_WORKER"))
    ada, hq, bob, vps = (town.peer(name) for name in ("ada", "hq", "bob", "vps"))
    for peer in (hq, vps):
        beat(peer, "1")
    herald = desk.herald("ada", web.url())
    look(herald, ada)
    end(ada, "fix")
    numbers = iter(range(100))

    def others() -> None:
        beat(bob, f"{next(numbers)}")
        look(herald, ada)

    pass_time(desk, others, minutes=20)
    assert web.titles == ["hq went silent"]
    assert is_first_alive(("hq", "ada", "bob"), "ada", {"hq": 1.0})
    assert not is_first_alive(("hq", "ada", "bob"), "bob", {"hq": 1.0})


def test_only_the_kinds_that_the_fleet_names_are_told(desk: Desk, web: Hook) -> None:
    """What is not among `notify.kinds` is not put at all."""
    toml = FLEET.format(trust="remote") + '[notify]\nkinds = ["failed"]\nbatch_seconds = 0\n'
    ada = Town(FIX | {"missions/b.md": "B.\n", "fleet.toml": toml}).peer("ada")
    herald = desk.herald("ada", web.url())
    look(herald, ada)
    end(ada, "fix")
    end(ada, "b", ClaimState.FAILED)
    look(herald, ada)
    assert web.titles == ["B. failed"]


def test_a_flood_is_told_by_its_number(desk: Desk, web: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of missions that end at once (an archive that somebody brought) are not thousands of notices."""
    monkeypatch.setattr(heralds, "MAX_NOTIFICATIONS", 5)
    ada = Town(FIX).peer("ada")
    herald = desk.herald("ada", web.url())
    look(herald, ada)
    text = "---\nstatus: done\nepoch: 1\n---\nDone.\n"
    ada.push({f"missions/archive/2026-11/m{n:03}.md": text for n in range(50)})
    look(herald, ada)
    assert len(desk.stores.outgoing.listing(sent=True)) == 6
    assert "And 45 more missions ended" in web.got[0]["message"]


def test_a_mark_that_is_gone_begins_anew(desk: Desk, web: Hook) -> None:
    """After a rewritten history, or in another ledger, it goes on from what is there and says so; nothing breaks."""
    ada = Town(FIX).peer("ada")
    desk.stores.marks.put(heralds.BRANCH_CURSOR, '{"of": "town", "tip": "' + "0" * 40 + '"}')
    herald = desk.herald("ada", web.url())
    look(herald, ada)
    assert any("is gone: it goes on from here" in words for words in desk.told)
    desk.stores.marks.put(heralds.BRANCH_CURSOR, "no json")
    look(desk.herald("ada", web.url()), ada)
    desk.stores.marks.put(heralds.BRANCH_CURSOR, '{"of": "elsewhere", "tip": "x"}')
    look(desk.herald("ada", web.url()), ada)
    assert web.got == []


def test_a_database_that_does_not_answer_costs_no_notice(desk: Desk, web: Hook) -> None:
    """It is said once; when it answers again everything is told."""
    ada = Town(FIX).peer("ada")
    herald = desk.herald("ada", web.url())
    look(herald, ada)
    end(ada, "fix")
    marks = herald.marks

    class Broken:
        def get(self, name: str) -> str:
            raise OSError("the disk is gone")

        def put(self, name: str, value: str) -> None:
            raise OSError("the disk is gone")

    herald.marks = Broken()
    look(herald, ada)
    assert web.got == []
    assert desk.told[-1] == "notify nothing is told for now: OSError: the disk is gone"
    herald.marks = marks
    look(herald, ada)
    assert web.titles == ["Fix the log-in is done"]


def test_the_thread_tells_and_ends(desk: Desk, web: Hook) -> None:
    """A node's loop only leaves the ledger there; at the end what waits for its window goes out at once."""
    ada = Town(FIX).peer("ada")
    herald = desk.herald("ada", web.url())
    assert desk.stores.marks.get(heralds.BRANCH_CURSOR) == ""
    herald.post(ada.ledger())
    over = time.monotonic() + 60
    while not desk.stores.marks.get(heralds.BRANCH_CURSOR):
        assert time.monotonic() < over, desk.told
        time.sleep(0.02)
    end(ada, "fix")
    herald.post(ada.ledger())
    herald.close()
    assert web.titles == ["Fix the log-in is done"]
    assert herald._thread is not None
    assert not herald._thread.is_alive()
    herald.post(ada.ledger())


def test_the_words_of_the_fleets_file_are_those_of_the_kinds() -> None:
    """Whatever can be found can be chosen."""
    assert FleetConfig().notify.kinds == tuple(NotificationKind)
    assert NotifyPart().due(NotificationKind.DONE, notice().key and Town().clock()) == Town().clock()


def test_comparing_reads_only_what_changed() -> None:
    """A ledger with many finished missions: only the folders and files that differ are read."""
    text = "---\nstatus: done\nepoch: 1\n---\nDone.\n"
    many = {f"missions/archive/2026-{m:02}/m{n}-{m}.md": text for m in range(1, 11) for n in range(30)}
    ada = Town(FIX | many).peer("ada")
    before = ada.ledger().tree
    end(ada, "fix")
    after = ada.ledger().tree
    read: list[str] = []

    class Counting:
        def get(self, oid: str, limit: int = MAX_OBJECT_BYTES) -> bytes:
            read.append(oid)
            return ada.bus.store.get(oid)

        def __getattr__(self, name: str) -> object:
            return getattr(ada.bus.store, name)

    found = list(TreeComparison(Counting()).notices(before, after))  # type: ignore[arg-type]
    assert [one.key for one in found] == ["fix-1-done"]
    assert len(read) < 25


@pytest.mark.parametrize("path", ["missions/fix-it.md", "missions/Fix It.md", "missions/fix-it.MD"])
def test_a_mission_is_told_however_its_file_is_spelled(path: str) -> None:
    """That it failed; and not that the person has ended it, though its file has another name in the archive."""
    ada = Town({path: "Fix it.\n"}).peer("ada")

    def told(act: Callable[[], object]) -> list[str]:
        before = ada.ledger().tree
        act()
        return [one.key for one in TreeComparison(ada.bus.store).notices(before, ada.ledger().tree)]

    assert told(lambda: end(ada, "fix-it", ClaimState.FAILED)) == ["fix-it-1-failed"]
    ada.push({path: ada.text(path).replace("status: failed", "status: done").replace("status: queued", "status: done")})
    assert told(ada.fold) == []
    assert ada.ledger().archived("fix-it") is not None


def test_pages_are_not_rewritten_by_announcing(tmp_path: Path) -> None:
    """The same page twice is one commit."""
    ada = Town().peer("ada")
    assert publish_page(ada.bus, ada.reader, "a\n")
    assert not publish_page(ada.bus, ada.reader, "a\n")


def test_it_sleeps_long_only_while_nothing_waits_in_the_outbox(desk: Desk, web: Hook) -> None:
    """What is to be tried again, or waits for its batch, is looked at each few seconds."""
    town = Town(FIX)
    ada = town.peer("ada")
    herald = desk.herald("ada", web.url())
    look(herald, ada)
    assert herald._pause() == heralds.IDLE_WAIT_SECONDS
    assert herald.postman.put(notice("waits"))
    assert herald._pause() == heralds.MAX_WAIT_SECONDS


def test_a_node_that_falls_silent_ends_the_long_sleep(desk: Desk, web: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """The branch does not move by it: it is told by the next fetch all the same, and only once woken for."""
    town = Town(FIX)
    ada = town.peer("ada")
    herald = desk.herald("ada", web.url())
    monkeypatch.setattr(herald, "_run", lambda: None)
    ledger, silent = ada.ledger(), dict[str, float]()
    monkeypatch.setattr(herald.liveness, "silent", lambda _after: dict(silent))
    herald.post(ledger)
    herald.post(ledger)
    assert not herald.wake.is_set()
    silent["bob"] = SECONDS
    herald.post(ledger)
    assert herald.wake.is_set()
    herald.wake.clear()
    silent["bob"] = SECONDS + 30
    herald.post(ledger)
    assert not herald.wake.is_set()
    herald.close()
