"""How does a node live as a process: one for each home folder, woken by its ledger, ended by signals?"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from filelock import FileLock, Timeout

from orchestrator import __version__
from orchestrator.app import wiring
from orchestrator.app.deployment.supervisor import STOPPING, Supervisor, feed_watchdog, take_supervisor
from orchestrator.app.factories import node_factory
from orchestrator.app.factories.tracer_factory import open_tracing
from orchestrator.app.registration import open_registrar
from orchestrator.app.secret_rotation import build_rotation
from orchestrator.app.updates.going_back import write_pid
from orchestrator.app.updates.version_dirs import HURRY, VersionDirs, running_version
from orchestrator.app.web_process import BeginWeb, WebServer, begin_interpreter
from orchestrator.core.errors import OrchestratorError, Refused
from orchestrator.core.events import Tell
from orchestrator.core.settings import Settings
from orchestrator.node import wakeups
from orchestrator.node.clone_watch import CloneWatch
from orchestrator.node.commit_rules import WATCHED_FOLDERS
from orchestrator.node.executor import StopReason
from orchestrator.node.loop import Node
from orchestrator.node.wakeups import HqEventClient
from orchestrator.policy.node_report import render_report
from sync import files
from sync.disk.watch import TreeWatch, watch_file, watch_refs

CAPABILITIES_FILE = "capabilities.md"
"""In the home folder."""


Beside = Callable[[Settings, Node, Tell], Callable[[], None]]
"""Starts something beside a node that is ready, and returns what ends it."""


def run_node(
    settings: Settings,
    tell: Tell,
    *,
    once: bool,
    beside: Beside | None = None,
    begin_web: BeginWeb = begin_interpreter,
) -> None:
    """Runs this machine's node until it is drained. Raises Refused when one runs here, and what Node.run raises.

    The first SIGTERM or SIGINT drains, the second cancels; SIGKILL loses nothing, the next start picks it up.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    supervisor = take_supervisor(os.environ, os.getpid(), tell)
    lock = FileLock(settings.home / "node.lock")
    try:
        with lock.acquire(timeout=0):
            own = running_version()
            write_pid(settings.home, own[0] if own else None)
            wiring.bring_up_database(settings)
            told_to_end = _run(settings, tell, supervisor, own, once=once, beside=beside, begin_web=begin_web)
    except Timeout as error:
        why = f"a node runs in {settings.home} already: one process for each home folder (SHIFTBOOK_HOME)"
        raise Refused(why) from error
    if own is not None and goes_over(own, told_to_end=told_to_end):  # the lock is free: the other one takes it
        environment = os.environ | supervisor.environment(os.getpid())
        os.execve(own[0].start, [str(own[0].start), *sys.argv[1:]], environment)  # noqa: S606  # what started this one


def goes_over(own: tuple[VersionDirs, str] | None, *, told_to_end: bool) -> bool:
    """Whether this process becomes another version of itself: that is current, and nobody told the node to end."""
    return own is not None and own[0].current != own[1] and not told_to_end


def _tell_supervisor(supervisor: Supervisor, own: tuple[VersionDirs, str] | None, *, told_to_end: bool) -> None:
    """Has it wait for another version, before its watchdog is fed no more."""
    if goes_over(own, told_to_end=told_to_end):
        supervisor.hand_over("another version starts")


def _run(
    settings: Settings,
    tell: Tell,
    supervisor: Supervisor,
    own: tuple[VersionDirs, str] | None,
    *,
    once: bool,
    beside: Beside | None,
    begin_web: BeginWeb,
) -> bool:
    """Runs the node until it is drained; says whether somebody told it to end."""
    stop_tracing = open_tracing(settings.node, tell)
    node = node_factory.build_node(settings, tell, once=once)
    serves = settings.http is not None and not once
    web = WebServer(settings.home, tell, begin=begin_web, policy=settings.policy) if serves else None
    told_to_end = _install_signal_handlers(node, tell, web, supervisor)
    stops = [_watch_ledger(settings.ledger, node.jobs.wake.set)]
    stops.append(watch_file(settings.home / wakeups.NUDGE_FILE, node.jobs.wake.set))
    ear = _hq_events(settings, node, tell) if not once else None
    stops += [ear.start()] if ear is not None else []
    if own is not None:
        stops.append(_follow_version(*own, node, tell, web))
    registrar = open_registrar(settings, node) if not once else None
    if not once:
        rotation = build_rotation(settings, tell, node, web=web, registrar=registrar, ear=ear)
        stops.append(rotation.start())

    def begun() -> None:
        node.heartbeat.progress.completed()  # what hangs from here on is a hung loop
        stops.append(feed_watchdog(supervisor, lambda: node.heartbeat.progress.stalled))
        if web is not None:
            web.start()
            stops.append(web.stop)
        _write_capabilities(settings, node, tell)
        agents = ", ".join(sorted(node.scheduler.offer.agents)) or "no agent"
        ready = f"{settings.node} ({settings.role.label}) works for {settings.ledger} with {agents}"
        tell("ready", ready)
        supervisor.ready(ready)
        if registrar is not None:
            stops.append(registrar.start())
        if node.over_bus is not None:
            stops.append(node.over_bus.start())
        if beside is not None and not once:
            stops.append(beside(settings, node, tell))
        if settings.watch is not None and not once:
            stops.append(_watch_clone(settings, settings.watch, tell, node.jobs.wake.set))

    try:
        node.run(begun)
    finally:
        _tell_supervisor(supervisor, own, told_to_end=told_to_end.is_set())
        for stop in stops:
            stop()
        node.close()
        stop_tracing()
    tell("stopped", f"{settings.node} works no more; `shiftbook` alone shows what waits for you")
    return told_to_end.is_set()


def _follow_version(
    dirs: VersionDirs, version: str, node: Node, tell: Tell, web: WebServer | None
) -> Callable[[], None]:
    """Has the node pass its trial with its first round, and end its work when another version is current."""
    passed = threading.Event()
    drain = _once(lambda now: _drain_for(now, node, tell, web))
    hurry = _once(lambda now: _hurry_for(now, node, tell, web))

    def look() -> None:
        now = dirs.current
        if now and now != version:
            drain(now)
            if dirs.hurried:
                hurry(now)

    def after_round() -> None:
        if not passed.is_set():
            passed.set()
            _pass_trial(dirs, version, tell)
        look()  # a switch before anything was watched, or one that the file system did not tell

    node.on_round = after_round
    stops = [watch_file(dirs.prefix / name, look) for name in ("current", HURRY)]

    def stop() -> None:
        for each in stops:
            each()

    return stop


def _once(do: Callable[[str], None]) -> Callable[[str], None]:
    """Does something for a version the first time it is asked, by whichever thread."""
    done, lock = threading.Event(), threading.Lock()

    def ask(version: str) -> None:
        with lock:
            if done.is_set():
                return
            done.set()
        do(version)

    return ask


def _drain_for(version: str, node: Node, tell: Tell, web: WebServer | None) -> None:
    """The node ends its running work, unless it does that already."""
    if node.draining:
        return
    runs = ", ".join(sorted(node.jobs.by_mission)) or "the running work"
    tell("update", f"{version} is current: starting it when {runs} is done")
    node.drain()
    if web is not None:
        web.drain()


def _hurry_for(version: str, node: Node, tell: Tell, web: WebServer | None) -> None:
    """What runs goes back into the queue, as by a second SIGTERM."""
    tell("update", f"{version} is not to wait: the running work goes back into the queue")
    node.stop_jobs(StopReason.STOPPING)
    if web is not None:
        web.cut()


def _pass_trial(dirs: VersionDirs, version: str, tell: Tell) -> None:
    try:
        if dirs.pass_trial(version):
            tell("update", f"{version} has done its first round, and stays")
    except (OSError, OrchestratorError) as error:
        tell("update", f"{version} cannot say that it is well: {error}")


def _hq_events(settings: Settings, node: Node, tell: Tell) -> HqEventClient | None:
    """What hears that the ledger moved, where headquarters is known."""
    if not settings.hq_url:
        return None
    return HqEventClient(settings.hq_url, settings.hq_token.get_secret_value(), node.jobs.wake.set, tell)


def _write_capabilities(settings: Settings, node: Node, tell: Tell) -> None:
    """Leaves what this node can do in its home folder, for people; a full disk does not keep it from working."""
    path = settings.home / CAPABILITIES_FILE
    try:
        files.replace(path, render_report(settings.policy, node.scheduler.offer, __version__), durable=False)
    except OSError as error:
        tell("disk", f"{path} could not be written: {error}")


def _watch_ledger(ledger: str, nudge: Callable[[], None]) -> Callable[[], None]:
    """Watches a ledger that lies on this disk; any other is polled."""
    bare = wakeups.repository_here(ledger)
    return watch_refs(bare, nudge) if (bare / "refs").is_dir() else lambda: None


def watch(settings: Settings, folder: Path, tell: Tell) -> None:
    """Commits and pushes edits in a person's clone until SIGTERM or SIGINT. Raises WrongSetting and Refused."""
    watching, stopped = wiring.watching(settings, folder, tell), threading.Event()

    def stop() -> None:
        stopped.set()
        watching.wake.set()

    _at_each_signal(stop)
    _watch_until(watching, stopped)


def _watch_clone(settings: Settings, folder: Path, tell: Tell, sent: Callable[[], None]) -> Callable[[], None]:
    """The same in a thread beside the node. Returns what stops it."""
    watching, stopped = wiring.watching(settings, folder, tell, sent), threading.Event()

    def run() -> None:
        try:
            _watch_until(watching, stopped)
        except OrchestratorError as error:
            tell("watch", str(error))

    thread = threading.Thread(target=run, name="watch", daemon=True)
    thread.start()

    def stop() -> None:
        stopped.set()
        watching.wake.set()
        thread.join(timeout=30)

    return stop


def _watch_until(watching: CloneWatch, stopped: threading.Event) -> None:
    tree = watching.tree
    eyes = TreeWatch(tree.folder, WATCHED_FOLDERS, watching.moved)
    try:
        watching.run(eyes.refresh, stopped)
    finally:
        eyes.close()
        tree.close()


def _install_signal_handlers(node: Node, tell: Tell, web: WebServer | None, supervisor: Supervisor) -> threading.Event:
    """Returns what is set from the first signal on. A node may drain for an update: that was nobody's signal."""
    told_to_end = threading.Event()

    def obey() -> None:
        if told_to_end.is_set():
            tell("cancelling", "ending the running work now; it goes back into the queue")
            node.stop_jobs(StopReason.STOPPING)
            if web is not None:
                web.cut()
        else:
            told_to_end.set()
            tell("draining", "taking nothing new; once more to cancel what runs")
            supervisor.say(STOPPING, "STATUS=ends when the running work is done")
            node.drain()
            if web is not None:
                web.drain()

    _at_each_signal(obey)
    return told_to_end


def _at_each_signal(obey: Callable[[], None]) -> None:
    """Has each SIGTERM and SIGINT obeyed by a thread, one after the other.

    A handler that did it would run in the middle of whatever the main thread does: inside of an Event that the thread
    waits for it would wait for ever, and inside of itself at a second Ctrl-C it would take that for the first.
    """
    signals: SimpleQueue[int] = SimpleQueue()  # the one queue whose put() may come in the middle of another

    def wait() -> None:
        while signals.get():
            obey()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _frame: signals.put(number))
