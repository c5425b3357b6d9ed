"""How does a node live as a process: one for each home folder, woken by its ledger, ended by signals?"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from orchestrator import wiring
from orchestrator.errors import Refused
from orchestrator.intake import Tell
from orchestrator.node import Node
from orchestrator.settings import Settings
from orchestrator.work import Reason
from sync.watch import watch_refs


def serve(settings: Settings, tell: Tell, *, once: bool) -> None:
    """Runs this machine's node until it is drained. Raises Refused when one runs here, and what Node.run raises.

    The first SIGTERM or SIGINT drains, the second cancels; SIGKILL loses nothing, the next start picks it up.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.home / "node.lock")
    try:
        with lock.acquire(timeout=0):
            _run(settings, tell, once=once)
    except Timeout as error:
        why = f"a node runs in {settings.home} already: one process for each home folder (SHIFTBOOK_HOME)"
        raise Refused(why) from error


def _run(settings: Settings, tell: Tell, *, once: bool) -> None:
    node = wiring.node(settings, tell)
    _obey_signals(node, tell)
    unwatch = _watch(settings.ledger, node.wake.set)
    agents = ", ".join(sorted(node.intake.offer.agents)) or "no agent"
    tell("ready", f"{settings.node} ({settings.role.label}) works for {settings.ledger} with {agents}")
    try:
        node.run(once=once)
    finally:
        unwatch()
        node.close()
    tell("stopped", f"{settings.node} is gone; nothing is left undone")


def _watch(ledger: str, nudge: Callable[[], None]) -> Callable[[], None]:
    """Watches a ledger that lies on this disk; any other is polled."""
    path = Path(ledger.removeprefix("file://"))
    bare = path / ".git" if (path / ".git").is_dir() else path
    return watch_refs(bare, nudge) if (bare / "refs").is_dir() else lambda: None


def _obey_signals(node: Node, tell: Tell) -> None:
    def obey(number: int, frame: object) -> None:
        if node.draining:
            tell("cancelling", "ending the running work now; it goes back into the queue")
            node.stop_jobs(Reason.STOPPING)
        else:
            tell("draining", "taking nothing new; once more to cancel what runs")
            node.drain()

    signal.signal(signal.SIGTERM, obey)
    signal.signal(signal.SIGINT, obey)
