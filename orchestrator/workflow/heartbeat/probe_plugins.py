"""Which probes are there on this machine? Those of the product, and those of plug-ins that are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points

from orchestrator.ledger.heartbeat.probe_phrases import PLUGIN, Request
from orchestrator.workflow.heartbeat import ledger_probes, machine_probes
from orchestrator.workflow.heartbeat.probe import PROBE_GROUP, Finding, Probe, ProbeFailed, ProbeScene

BUILT_IN: Mapping[str, Probe] = {
    "disk": machine_probes.disk,
    "command": machine_probes.command,
    "repositories": machine_probes.repositories,
    "queue": ledger_probes.queue,
    "results": ledger_probes.results,
    "nodes": ledger_probes.nodes,
    "reviews": ledger_probes.reviews,
    "broken": ledger_probes.broken,
}


def installed_probes(
    found: Callable[[], Iterable[EntryPoint]] = lambda: entry_points(group=PROBE_GROUP),
) -> dict[str, Probe]:
    """Every probe by what the checklist calls it. A plug-in is loaded when a line names it, and not before."""
    plugins = {f"probe {each.name}": _loaded_later(each) for each in found() if PLUGIN.fullmatch(each.name)}
    return {**BUILT_IN, **plugins}


def _loaded_later(entry: EntryPoint) -> Probe:
    def probe(scene: ProbeScene, request: Request) -> Iterator[Finding]:
        try:
            look: Probe = entry.load()
        except Exception as error:
            raise ProbeFailed(f"the plug-in {entry.value} cannot be loaded: {type(error).__name__}: {error}") from error
        yield from look(scene, request)

    return probe
