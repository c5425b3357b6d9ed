"""The probes of the ledger: what waits, who is silent, what is late or broken? Each a function of one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from missions.mission import OPEN, Status
from missions.selection import blocked_reason
from orchestrator.core.time_text import format_duration
from orchestrator.ledger.file_history.recent_changes import RecentChanges
from orchestrator.ledger.heartbeat.probe_phrases import Request
from orchestrator.ledger.node_pages import announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.heartbeat.probe import Finding, ProbeScene
from orchestrator.workflow.journal.review_status import failed_reviews, review_statuses
from sync.objects import load_commit
from sync.signatures import read_signers


def fleet_names(ledger: LedgerSnapshot) -> frozenset[str]:
    """The fleet's nodes: those that an admin has let in; without signatures, whoever has a page or a beat."""
    if ledger.signers.strip():
        return frozenset(each.name for each in read_signers(ledger.signers).values() if "node" in each.roles)
    return frozenset(announced_nodes(ledger)) | frozenset(ledger.beats)


def queue(scene: ProbeScene, request: Request) -> Iterator[Finding]:
    """Missions that could run and wait for longer than they should."""
    roof, ledger = request.numbers["seconds"], scene.ledger
    recent = RecentChanges(ledger.store, ledger.tip)
    for name, filed in sorted(ledger.open.items()):
        mission = filed.mission
        if mission.status not in OPEN or name in ledger.claims:
            continue
        done = ledger.finished(mission.depends_on)
        if blocked_reason(mission, done, done, scene.now) is not None:
            continue
        waited = _age(ledger, recent, filed.path, scene.now)
        if waited >= roof and scene.trusted(filed):  # one that nobody may ask for waits for no node
            yield Finding(subject=name, says=f"{name} has waited for {format_duration(waited)}, and no node took it")


def results(scene: ProbeScene, request: Request) -> Iterator[Finding]:
    """Results that wait for a person for longer than they should."""
    for name, filed in sorted(scene.ledger.open.items()):
        finished = filed.mission.finished
        if filed.mission.status is not Status.REVIEW or finished is None:
            continue
        waited = (scene.now - finished).total_seconds()
        if waited >= request.numbers["seconds"]:
            yield Finding(
                subject=name, says=f"the result of {name} has waited for your word for {format_duration(waited)}"
            )


def nodes(scene: ProbeScene, request: Request) -> Iterator[Finding]:
    """Nodes of the fleet whose beat stands still."""
    known = fleet_names(scene.ledger)
    for name, seconds in sorted(scene.silent.items()):
        if name in known and name != scene.node and seconds >= request.numbers["seconds"]:
            yield Finding(subject=name, says=f"{name} has been silent for {format_duration(seconds)}")


def reviews(scene: ProbeScene, request: Request) -> Iterator[Finding]:
    """Reviews of the logs that are late, failed, empty, or wait for a person."""
    for words in failed_reviews(scene.ledger):
        yield Finding(subject=words.partition(" ")[0], says=words)
    for each in review_statuses(scene.ledger, scene.now):
        if each.trouble:
            last = each.last.when if each.last else "never"
            yield Finding(
                subject=f"{each.project or 'fleet'} {last}", says=f"{each.project or 'the log'}: {each.trouble}"
            )


def broken(scene: ProbeScene, request: Request) -> Iterator[Finding]:
    """Missions whose file cannot be read."""
    for bad in scene.ledger.quarantined:
        yield Finding(subject=bad.path, says=f"{bad.path} cannot be read: {bad.reason}")


def _age(ledger: LedgerSnapshot, recent: RecentChanges, path: str, now: datetime) -> float:
    """Seconds since somebody last touched a mission's file, by the commit's own time; a clock that is ahead gives 0."""
    commit = next(iter(recent.of(path)), None) or next(iter(ledger.store.history(ledger.tip, path)), None)
    if commit is None:
        return 0.0
    return max(0.0, now.timestamp() - load_commit(ledger.store, commit).committed)
