"""How safely does a mission run on this node? May it run at all, and with which tools? Asked beside the node's loop."""

from __future__ import annotations

from dataclasses import dataclass

from missions.mission import Mission
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.authorization import Trust
from orchestrator.policy.decision_evidence import feedback_doubt, is_by_the_fleet
from orchestrator.policy.unsandboxed import sandbox_required_reason
from orchestrator.policy.verdict import Judge
from sync.remote import ObjectStore


@dataclass(frozen=True, kw_only=True)
class MissionSafety:
    """One node's. `sandboxed` is whether what runs here is confined. Any thread may ask, so each question is judged
    anew: `Trust` remembers, and is one thread's."""

    store: ObjectStore
    sandboxed: bool

    def unsafe_reason(self, ledger: LedgerSnapshot, mission: Mission) -> str:
        """Why a mission must not run on this node, whatever agents it has, in words; empty if it may."""
        if mission.pull_state == "changing" and mission.feedback and (why := self._feedback_doubt(ledger, mission)):
            return why
        if self.sandboxed:
            return ""
        return sandbox_required_reason(mission, self._judge(ledger).standing(mission).tier)

    def tools(self, ledger: LedgerSnapshot, mission: Mission) -> tuple[str, ...] | None:
        """The tools that the mission's agent may use; None where policy does not say."""
        return self._judge(ledger).tools(mission)

    def vouched(self, ledger: LedgerSnapshot, path: str) -> bool:
        """Whether a node, or somebody who may decide, has signed what stands at a path of the ledger.

        Where whoever may push is trusted, anybody's word counts.
        """
        signer = self._judge(ledger).signer
        newest = next(iter(ledger.store.history(ledger.tip, path)), None)
        return signer is None or (newest is not None and is_by_the_fleet(signer(newest)))

    def _judge(self, ledger: LedgerSnapshot) -> Judge:
        return Trust(self.store).judge(ledger, signed=True)

    def _feedback_doubt(self, ledger: LedgerSnapshot, mission: Mission) -> str:
        filed = ledger.open.get(mission.name)
        return feedback_doubt(ledger, filed.path, self._judge(ledger).signer) if filed is not None else ""
