"""Does a person see what runs on another machine, only what it really shows, and at no cost where nobody looks?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from missions.live_view import LiveView
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop, Usage
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.ledger.steering.live_refs import REQUEST_SECONDS, live_commit, watch_commit
from orchestrator.ledger.transport import LIVE, WATCH
from orchestrator.node.live_publisher import FIRST_SECONDS, LONGEST_SECONDS, LivePublisher
from orchestrator.workflow.watching import THROUGH_GIT, LiveLook, MissionWatch
from sync.errors import PushRefused
from sync.remote import RefUpdate
from tests.ledgers import FLEET, Keys, Peer, Scripted, Ticks, Town, Working, working
from tests.waiting import PATIENCE, until

KEY = "sk-ant-api03-" + "A1b2C3d4E5" * 9
HOSTILE = "\x1b[2J\u202eevil\u202c"


class Busy:
    """An agent that says things until it is let go."""

    def __init__(self) -> None:
        self.go, self.began = threading.Event(), threading.Event()
        self.job: AgentJob | None = None

    def __call__(self, job: AgentJob, stop: Stop) -> Outcome:
        self.job = job
        job.say("first words")
        job.meter.note(Usage(model="m", tokens_out=1, cost_usd=0.25))
        self.began.set()
        assert self.go.wait(PATIENCE)
        return Outcome(ok=True, summary="Done.", answer="42")


@pytest.fixture
def town(keys: Keys, tmp_path: Path) -> Iterator[Town]:
    """A real repository: Ada is an author, desk a node; every word is signed."""
    signers = keys.signers(ada=["author"], desk=["node"], vps=["node"])
    made = Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers}, folder=tmp_path / "town")
    ada(made, keys).push({"missions/m.md": "Do it.\n"})
    yield made
    made.close()


def ada(town: Town, keys: Keys) -> Peer:
    """A person on a machine of her own."""
    made = town.peer("ada", key=keys["ada"])
    return replace(made, bus=replace(made.bus, key=keys["ada"].public))


def node(town: Town, keys: Keys, folder: Path, agent: Busy, ticks: Ticks) -> Working:
    """A working node that can be watched."""
    scripted = Scripted(does=agent)
    made = working(town.peer("desk", key=keys["desk"]), folder / "desk", agents={"builtin": scripted})
    told = made.told

    def tell(event: str, words: str, **_facts: object) -> None:
        told.append((event, words))

    made.node.live = LivePublisher(
        bus=made.peer.bus, folder=made.executor.folders.of, tell=tell, clock=ticks, pause=0.05
    )
    return made


class Watcher:
    """A person who looks again and again from another machine."""

    def __init__(self, person: Peer, folder: Path) -> None:
        self.person, self.cursor, self.text = person, "", ""
        self.watch = MissionWatch(bus=person.bus, trust=person.trust, node="laptop", folders=AttemptDirs(folder))

    def look(self) -> LiveLook:
        found = self.watch.look(self.person.ledger(), "m", "running", self.cursor)
        self.cursor, self.text = found.cursor, self.text + found.text
        return found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views follow each other at once: what is tried is not how long they wait."""
    monkeypatch.setattr("orchestrator.node.live_publisher.FIRST_SECONDS", 0.05)


def begun(found: Working, agent: Busy) -> None:
    found.node.step()
    assert agent.began.wait(PATIENCE)


def over(found: Working, agent: Busy) -> None:
    agent.go.set()
    for job in list(found.jobs.values()):
        job.thread.join(timeout=PATIENCE)
    found.settle()
    assert found.node.live is not None
    found.node.live.close()


def live_refs(peer: Peer) -> set[str]:
    return {ref for ref in peer.bus.remote.fetch() if ref.startswith((LIVE, WATCH))}


def test_a_watched_attempt_is_seen_from_another_machine(town: Town, keys: Keys, tmp_path: Path) -> None:
    """Its words once and in order, its cost, from where they are; no secret; and nothing is left of it at the end."""
    agent, ticks = Busy(), Ticks()
    desk, watcher = node(town, keys, tmp_path, agent, ticks), Watcher(ada(town, keys), tmp_path / "laptop")
    begun(desk, agent)
    assert live_refs(watcher.person) == set(), "nobody watches, and nothing is written"
    asked = watcher.look()
    assert (asked.source, asked.text) == (THROUGH_GIT, "")
    assert asked.says == "desk is asked, through the Git server, to show what it does"
    desk.node.step()
    until(lambda: watcher.look().cost_usd == 0.25)
    assert agent.job is not None
    agent.job.say(f"the key is {KEY}")
    agent.job.say(f"{HOSTILE} last words")
    ticks.at += 1
    until(lambda: watcher.look().text is not None and "last words" in watcher.text)
    seen = watcher.look()
    assert watcher.text.startswith("first words\n")
    assert watcher.text.count("first words") == watcher.text.count("last words") == 1
    assert "A1b2C3d4" not in watcher.text
    assert seen.says.startswith("from desk, through the Git server, ")
    assert (seen.node, seen.epoch, seen.missed) == ("desk", 1, 0)
    over(desk, agent)
    assert live_refs(watcher.person) == set()
    assert watcher.look().says == "nothing runs"


def test_nobody_watches_any_more(town: Town, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the request has not moved for its time, what was shown is taken down and the thread has ended."""
    # A clock that jumps in the middle of a push makes it look as if it had taken minutes: no rest follows from that.
    monkeypatch.setattr("orchestrator.node.live_publisher.LONGEST_SECONDS", 0.05)
    agent, ticks = Busy(), Ticks()
    desk, watcher = node(town, keys, tmp_path, agent, ticks), Watcher(ada(town, keys), tmp_path / "laptop")
    begun(desk, agent)
    watcher.look()
    desk.node.step()
    until(lambda: watcher.look().agent != "")
    ticks.at += REQUEST_SECONDS + 1
    until(lambda: live_refs(watcher.person) == set())
    until(lambda: not [one for one in threading.enumerate() if one.name == "live"])
    over(desk, agent)


def test_a_forged_view_is_shown_to_nobody(town: Town, keys: Keys, tmp_path: Path) -> None:
    """Another node's, a stranger's, one of another attempt, and what is no view at all: each is as if it were not."""
    agent = Busy()
    desk = node(town, keys, tmp_path, agent, Ticks())
    begun(desk, agent)
    watcher = Watcher(ada(town, keys), tmp_path / "laptop")
    for name, epoch in (("vps", 1), ("mallory", 1), ("desk", 2)):
        forger = town.peer(name, key=keys[name])
        view = LiveView(mission="m", epoch=epoch, attempt=1, node="desk", agent="builtin", text="All is well.\n")
        put(forger, live_commit(forger.bus, view))
        seen = watcher.look()
        assert seen.text == ""
        assert seen.says.startswith("desk is asked") or "could not be asked" in seen.says
    huge = town.peer("mallory", key=keys["mallory"])
    for data in (b"{" * 100_000, b'{"text": "' + b"a" * 2_000_000 + b'"}', b"\xff\xfe"):
        put(huge, huge.bus.commit({"live.json": data}, "m", onto=None, tree=None))
        assert watcher.look().text == ""
    put(huge, huge.bus.store.put("blob", b"no commit"))
    assert watcher.look().text == ""
    over(desk, agent)


def put(peer: Peer, oid: str) -> None:
    """Moves the live ref as whoever may push can."""
    ref = LIVE + "m"
    peer.line.push([RefUpdate(ref=ref, expect=peer.bus.remote.fetch().get(ref), new=oid)])


def test_what_somebody_put_in_its_way_is_replaced(town: Town, keys: Keys, tmp_path: Path) -> None:
    """A forged view does not keep the node from showing its own."""
    agent = Busy()
    desk, watcher = node(town, keys, tmp_path, agent, Ticks()), Watcher(ada(town, keys), tmp_path / "laptop")
    begun(desk, agent)
    mallory = town.peer("mallory", key=keys["mallory"])
    put(mallory, mallory.bus.commit({"live.json": b"{}"}, "m", onto=None, tree=None))
    watcher.look()
    desk.node.step()
    until(lambda: watcher.look().agent == "builtin")
    over(desk, agent)


def test_a_server_that_limits_pushes_is_asked_less_often(
    town: Town, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refusal doubles the pause, up to a bound; the attempt goes on, and people are told once."""
    agent = Busy()
    desk, watcher = node(town, keys, tmp_path, agent, Ticks()), Watcher(ada(town, keys), tmp_path / "laptop")
    begun(desk, agent)
    watcher.look()
    live = desk.node.live
    assert live is not None
    waits = list[float]()

    def refuse(ref: str, new: object) -> None:
        waits.append(live.pause)
        live.pause = min(live.pause, 50.0)
        raise PushRefused(ref, "rate limit")

    monkeypatch.setattr(live, "_put", refuse)
    monkeypatch.setattr(live._wake, "wait", lambda _seconds: None if len(waits) < 12 else threading.Event().wait(0.01))
    desk.node.step()
    until(lambda: len(waits) > 11)
    assert waits[1] == 2 * waits[0]
    assert max(waits) <= LONGEST_SECONDS
    assert FIRST_SECONDS < LONGEST_SECONDS
    over(desk, agent)
    assert len([words for event, words in desk.told if event == "live" and "rate limit" in words]) >= 1


def test_on_this_machine_the_folder_is_read(town: Town, keys: Keys, tmp_path: Path) -> None:
    """Without any ref, and as it is now."""
    agent = Busy()
    desk = node(town, keys, tmp_path, agent, Ticks())
    begun(desk, agent)
    person = ada(town, keys)
    here = MissionWatch(bus=person.bus, trust=person.trust, node="desk", folders=desk.executor.folders)
    look = here.look(person.ledger(), "m", "running")
    assert (look.text, look.source, look.age_seconds, look.agent) == ("first words\n", "this machine", 0.0, "builtin")
    assert here.look(person.ledger(), "m", "running", look.cursor).text == ""
    assert live_refs(person) == set()
    over(desk, agent)


def test_what_a_killed_node_left_is_taken_down(town: Town, keys: Keys, tmp_path: Path) -> None:
    """A view and a request to a mission that nobody holds: gone after a while on this node's clock; those of
    a mission that is worked on elsewhere stay."""
    person, ticks = ada(town, keys), Ticks()
    person.push({"missions/n.md": "Do it.\n"})
    found = node(town, keys, tmp_path, Busy(), ticks)
    live = found.node.live
    assert live is not None
    town.peer("vps", key=keys["vps"]).hold("m")
    view = LiveView(mission="n", epoch=1, attempt=1, node="vps", agent="claude")
    left = {LIVE + "n": live_commit(person.bus, view), WATCH + "n": watch_commit(person.bus, "n")}
    kept = {LIVE + "m": live_commit(person.bus, replace(view, mission="m")), WATCH + "m": watch_commit(person.bus, "m")}
    person.line.push([RefUpdate(ref=ref, expect=None, new=oid) for ref, oid in (left | kept).items()])
    for seconds in (0.0, REQUEST_SECONDS - 1):
        ticks.at += seconds
        live.step(found.peer.ledger(), {})
        assert live_refs(person) == {*left, *kept}
    ticks.at += 2
    live.step(found.peer.ledger(), {})
    assert live_refs(person) == set(kept)
