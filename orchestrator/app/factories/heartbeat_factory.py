"""How are the heartbeat's turns put together, for this machine's node and for a person at its command line?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from orchestrator.app import identity, wiring
from orchestrator.core.settings import Settings
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.heartbeat.probe_plugins import installed_probes
from orchestrator.workflow.heartbeat.turn import HeartbeatTurn
from sync import files
from sync.git_remote import GitRemote


def build_turn(settings: Settings, bus: Transport, link: GitRemote) -> HeartbeatTurn:
    """The turns of this machine's node, with a reader and a judge of their own."""
    return HeartbeatTurn(
        bus=bus,
        reader=wiring.reader(settings, link),
        trust=Trust(link.store),
        role=settings.role,
        home=settings.home,
        probes=installed_probes(),
        commands=settings.probe_commands,
        clones=_clones(settings),
    )


def open_turn(settings: Settings) -> HeartbeatTurn:
    """The same for a person here: in the node's name and signed by its key. Raises WrongSetting, Refused."""
    link = wiring.remote(settings)
    bus = wiring.transport(settings, link, name=settings.node, key=identity.node_key(settings))
    return build_turn(settings, bus, link)


def _clones(settings: Settings) -> Callable[[LedgerSnapshot], Mapping[str, Path]]:
    """The work trees that this machine has: the watched clone of the ledger, and projects whose address is a folder."""

    def found(ledger: LedgerSnapshot) -> dict[str, Path]:
        projects = {name: files.expand_home(part.url) for name, part in ledger.charter.projects.items()}
        here = {
            name: folder for name, folder in projects.items() if folder.is_absolute() and (folder / ".git").is_dir()
        }
        return here | ({"the ledger's clone": settings.watch} if settings.watch else {})

    return found
