"""What a node's process does when it is told to end: each signal counts once, wherever the main thread is just then."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.app import node_process
from orchestrator.app.deployment.supervisor import Supervisor
from orchestrator.app.node_process import _at_each_signal, _install_signal_handlers
from orchestrator.app.updates.version_dirs import VersionDirs
from orchestrator.core.settings import Settings
from tests.waiting import PATIENCE, until


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@dataclass
class StandIn:
    """A node and its server, of which it is only noted what they were told."""

    done: list[str] = field(default_factory=list)
    draining: bool = False
    on_round: Callable[[], None] = lambda: None
    jobs: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(by_mission={}))

    def drain(self) -> None:
        self.draining = True
        self.done.append("drain")

    def stop_jobs(self, reason: str) -> None:
        self.done.append(reason)

    def cut(self) -> None:
        self.done.append("cut")


def test_a_second_ctrl_c_that_comes_before_the_first_is_obeyed_cancels() -> None:
    """Whoever reads "draining" may be quicker than the node, which told it before it did it."""
    node, told = StandIn(), list[str]()

    def tell(event: str, _words: str, **_facts: object) -> None:
        told.append(event)
        if told == ["draining"]:
            os.kill(os.getpid(), signal.SIGINT)

    _install_signal_handlers(node, tell, None, Supervisor(tell=tell))  # type: ignore[arg-type]
    os.kill(os.getpid(), signal.SIGINT)
    until(lambda: len(node.done) == 2, "both are obeyed")
    assert told == ["draining", "cancelling"]
    assert node.done == ["drain", node_process.StopReason.STOPPING]


def test_the_first_signal_cuts_nothing_off_while_the_node_drains_for_an_update() -> None:
    node = StandIn(draining=True)
    told_to_end = _install_signal_handlers(
        node,  # type: ignore[arg-type]
        lambda *_words, **_facts: None,
        None,
        Supervisor(tell=lambda *_words, **_facts: None),
    )
    assert not told_to_end.is_set()
    os.kill(os.getpid(), signal.SIGTERM)
    until(lambda: node.done == ["drain"], "it goes on draining")
    assert told_to_end.is_set()
    os.kill(os.getpid(), signal.SIGTERM)
    until(lambda: node.done == ["drain", node_process.StopReason.STOPPING], "the second cancels")


@pytest.mark.parametrize(("told_to_end", "current", "goes_over"), [(False, "v1.1.0", True), (True, "v1.1.0", False)])
def test_a_node_that_was_told_to_end_ends_and_starts_no_other_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told_to_end: bool, current: str, goes_over: bool
) -> None:
    dirs, started = VersionDirs(tmp_path / "program"), list[str]()
    dirs.prepare()
    dirs.switch(current)
    monkeypatch.setattr(node_process, "running_version", lambda: (dirs, "v1.0.0"))
    monkeypatch.setattr(node_process, "_run", lambda *_words, **_more: told_to_end)
    monkeypatch.setattr(os, "execve", lambda path, *_more: started.append(str(path)))
    node_process.run_node(Settings(home=tmp_path / "home"), lambda *_words, **_facts: None, once=False)
    assert bool(started) is goes_over
    assert (tmp_path / "home/node.pid").read_text() == f"{os.getpid()}\n{dirs.prefix}\n"


def test_a_switch_that_no_watch_told_is_seen_after_the_next_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come before anything is watched."""
    monkeypatch.setattr(node_process, "watch_file", lambda _path, _nudge: lambda: None)
    dirs, node = VersionDirs(tmp_path), StandIn()
    dirs.switch("v1.0.0")
    node_process._follow_version(dirs, "v1.0.0", node, lambda *_words, **_facts: None, None)  # type: ignore[arg-type]
    node.on_round()
    assert node.done == []
    dirs.switch("v1.1.0")
    node.on_round()
    node.on_round()
    assert node.done == ["drain"]


def test_what_an_update_waits_for_is_told_and_hurried_it_goes_back_into_the_queue(tmp_path: Path) -> None:
    """Once: the jobs are told to stop as by a second SIGTERM. What is to hurry for another version hurries nothing."""
    dirs, node, told = VersionDirs(tmp_path), StandIn(), list[str]()
    node.jobs.by_mission = {"long": object(), "also": object()}
    dirs.switch("v1.0.0")
    dirs.hurry()
    stop = node_process._follow_version(
        dirs,
        "v1.0.0",
        node,  # type: ignore[arg-type]
        lambda _event, words, **_facts: told.append(words),
        node,  # type: ignore[arg-type]
    )
    node.on_round()
    assert node.done == []
    dirs.switch("v1.1.0")
    until(lambda: node.done == ["drain", "drain"], "the node and its server drain")
    assert told[0] == "v1.1.0 is current: starting it when also, long is done"
    dirs.hurry()
    until(lambda: len(node.done) == 4, "the running work ends")
    node.on_round()
    stop()
    assert node.done[2:] == [node_process.StopReason.STOPPING, "cut"]
    assert told[1:] == ["v1.1.0 is not to wait: the running work goes back into the queue"]


def test_a_node_goes_over_when_another_version_is_current(tmp_path: Path) -> None:
    """Not where it was told to end, nor where it is none of several."""
    dirs = VersionDirs(tmp_path)
    dirs.switch("v1.1.0")
    assert node_process.goes_over((dirs, "v1.0.0"), told_to_end=False)
    assert not node_process.goes_over((dirs, "v1.0.0"), told_to_end=True)
    assert not node_process.goes_over((dirs, "v1.1.0"), told_to_end=False)
    assert not node_process.goes_over(None, told_to_end=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_waits_for_nothing_that_the_main_thread_holds(number: signal.Signals) -> None:
    """An Event's own lock is such a thing: a handler that set it in the middle of wait() would never return."""
    held, obeyed = threading.Lock(), threading.Event()

    def obey() -> None:
        assert held.acquire(timeout=PATIENCE)
        obeyed.set()

    _at_each_signal(obey)
    with held:
        os.kill(os.getpid(), number)
        assert not obeyed.wait(0.05), "the handler came back, and this thread goes on while it holds the lock"
    assert obeyed.wait(PATIENCE)


def test_no_signal_is_lost_among_many() -> None:
    """Each that Python hears is obeyed, in turn."""
    count, most = [0], 0
    inside = threading.Lock()

    def obey() -> None:
        assert inside.acquire(blocking=False), "one at a time"
        count[0] += 1
        inside.release()

    _at_each_signal(obey)
    for most in range(1, 51):
        os.kill(os.getpid(), signal.SIGTERM)
        until(lambda most=most: count[0] >= most, "it is obeyed")  # type: ignore[misc]
    assert count == [most]
