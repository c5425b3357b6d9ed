"""The detail of one mission: what belongs to it, and how is all of that told to programs?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from missions.archive_path import ARCHIVE_FOLDER, dated_path
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.mission_view import MissionView

if TYPE_CHECKING:  # imported where it is used: most commands need none of it
    from missions.evidence.bundle import EvidenceManifest
    from orchestrator.ledger.conflicts import UnresolvedConflict
    from orchestrator.workflow.late_results import LateResult


@dataclass(frozen=True, kw_only=True)
class MissionDetail:
    """One mission with everything that belongs to it. `text` is the file as it is."""

    view: MissionView
    text: str
    diff: str
    output: str
    memo: str
    memo_path: str
    late: tuple[LateResult, ...]
    evidence: EvidenceManifest | None = None
    """What the tests of its last attempt left; None where there was no attempt."""
    disputes: tuple[UnresolvedConflict, ...] = ()
    """What merges of this mission's file could not keep."""

    def json(self) -> dict[str, Any]:
        """Plain data."""
        parts = {key: getattr(self, key) for key in ("text", "diff", "output", "memo", "memo_path")}
        late = [
            {"name": one.name, "ref": one.ref, "which": one.which, "node": one.node, "wrong": one.wrong}
            for one in self.late
        ]
        from orchestrator.workflow.kept_evidence import evidence_json

        return (
            self.view.json()
            | parts
            | {"late": late, "conflicts": [asdict(one) for one in self.disputes]}
            | {"evidence": evidence_json(self.evidence)}
        )


def read_detail(ledger: LedgerSnapshot, trust: Trust, view: MissionView, *, signed: bool) -> MissionDetail:
    """What the ledger has of a mission. Without signatures whoever wrote late work is believed."""
    epoch = (view.adopted_from or "").partition("-")[0] or view.epoch
    memo_path = _memo_path(ledger, view, f"{view.name}-{epoch}")
    return MissionDetail(
        view=view,
        text=ledger.text(view.path),
        diff=ledger.attempt_text(view, "diff"),
        output=ledger.attempt_text(view, "output.txt"),
        evidence=_evidence(ledger, view) if view.attempt else None,
        memo=ledger.text(memo_path) if memo_path else "",
        memo_path=memo_path,
        late=_late(ledger, trust, view.name, signed=signed) if ledger.late else (),
        disputes=_disputes(ledger, view.name) if ledger.has_conflicts else (),
    )


def _evidence(ledger: LedgerSnapshot, view: MissionView) -> EvidenceManifest:
    from orchestrator.workflow.kept_evidence import read_evidence

    return read_evidence(ledger, view)


def _late(ledger: LedgerSnapshot, trust: Trust, name: str, *, signed: bool) -> tuple[LateResult, ...]:
    from orchestrator.workflow.late_results import late_results

    return tuple(late_results(ledger, trust, name, signed=signed))


def _disputes(ledger: LedgerSnapshot, name: str) -> tuple[UnresolvedConflict, ...]:
    from orchestrator.ledger.conflicts import list_conflicts

    return tuple(one for one in list_conflicts(ledger.store, ledger.tree) if one.mission == name)


def _memo_path(ledger: LedgerSnapshot, view: MissionView, memo_id: str) -> str:
    """Where a finished mission's memo lies, by its day or in older ledgers by its month; empty where there is none."""
    if not view.path.startswith(f"{ARCHIVE_FOLDER}/"):
        return ""
    month = view.path.removeprefix(f"{ARCHIVE_FOLDER}/").partition("/")[0]
    tries = [f"memos/{month}/{memo_id}.md"]
    if view.finished:
        tries.insert(0, dated_path("memos", f"{view.finished:%Y/%m/%d}", memo_id))
    return next((path for path in tries if ledger.read(path)), "")
