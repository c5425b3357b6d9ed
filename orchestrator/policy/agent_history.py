"""What became of the missions that an agent did before, with one kind of work in one project?

The project's journal names them in their order, so however many are archived, no more than the last WINDOW entries are
looked at. An acceptance counts only with the signature of whoever gave it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from missions import document
from missions.agent_trust import MissionOutcome, TrustScore, TrustWeights, score_trust
from missions.mission import BY_POLICY, Mission, Status, mission_of_file
from orchestrator.ledger import session_logs
from orchestrator.ledger.archive import ARCHIVE_FOLDER, mission_bytes
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.decision_evidence import FindSigner, find_decision, open_path
from sync.remote import Oid

MAX_ENTRIES = 200
"""Entries of a project's journal, the newest."""
MAX_CACHED_MISSIONS = 5000
"""Missions that a process remembers."""
_ENTRY = re.compile(r"^<!-- entry: (\S+)-\d+ -->", re.MULTILINE)
_OUTCOME_LINES = re.compile(
    rb"^(?:decision: |rejections: [1-9]|attempt: (?:[2-9]|[1-9]\d)|status: (?:dead|failed))", re.MULTILINE
)
"""Lines without which a mission says nothing about its agent: what has none of them need not be read."""
_ENDED = frozenset({Status.DONE, Status.CANCELLED, Status.REVIEW})


@dataclass
class AgentHistory:
    """Looks agents' histories up; remembers what it made of a file as long as file and signers stay the same."""

    _known: dict[tuple[str, Oid], tuple[Mission, MissionOutcome] | None] = field(default_factory=dict)
    _signers: str = ""

    def standing(
        self, ledger: LedgerSnapshot, signer: FindSigner | None, kind: tuple[str, str, str], scale: TrustWeights
    ) -> TrustScore:
        """Where an agent stands. `kind` is (project, task, agent)."""
        return score_trust(list(self._deeds(ledger, signer, kind, scale.look_back)), scale)

    def forget(self, touched: Collection[str] | None) -> None:
        """Drops what is known of missions whose open files were touched: who said what of them may be another by now.
        None: of all."""
        names = {mission_of_file(path.rpartition("/")[2]) for path in touched or ()}
        known = self._known.items() if touched is not None else ()
        self._known = {key: what for key, what in known if mission_of_file(key[0].rpartition("/")[2]) not in names}

    def _deeds(
        self, ledger: LedgerSnapshot, signer: FindSigner | None, kind: tuple[str, str, str], most: int
    ) -> Iterator[MissionOutcome]:
        if self._signers != ledger.signers or len(self._known) > MAX_CACHED_MISSIONS:
            self._known, self._signers = {}, ledger.signers
        for name in _recent_missions(ledger, kind[0]):
            found = self._look(ledger, signer, name)
            if found is None or (found[0].about, found[0].task, found[0].worker) != kind:
                continue
            yield found[1]
            most -= 1
            if most == 0:
                return

    def _look(
        self, ledger: LedgerSnapshot, signer: FindSigner | None, name: str
    ) -> tuple[Mission, MissionOutcome] | None:
        """What a mission says about its agent; None where it says nothing."""
        filed = ledger.open.get(name)
        place = (filed.path, filed.blob) if filed else ledger.archive.find(name)
        if place is None:
            return None
        if place not in self._known:
            self._known[place] = _read_outcome(ledger, signer, name, *place)
        return self._known[place]


def _recent_missions(ledger: LedgerSnapshot, project: str) -> list[str]:
    """The missions of a project's newest entries, newest first, each once."""
    found: list[str] = []
    for file in reversed([file for file in session_logs.files(ledger.store, ledger.tree) if file.project == project]):
        found += reversed(_ENTRY.findall(session_logs.text(ledger.store, file.oid))[-MAX_ENTRIES:])
        if len(found) >= MAX_ENTRIES:
            break
    return list(dict.fromkeys(found[:MAX_ENTRIES]))


def _read_outcome(
    ledger: LedgerSnapshot, signer: FindSigner | None, name: str, path: str, blob: Oid
) -> tuple[Mission, MissionOutcome] | None:
    data = mission_bytes(ledger.store, blob) or b""
    if not _OUTCOME_LINES.search(data):
        return None
    mission = document.read(path, data)
    if not isinstance(mission, Mission):
        return None
    accepted = False
    if mission.decision == "approved":
        said = find_decision(ledger, open_path(ledger, name, path) if path.startswith(ARCHIVE_FOLDER) else path, signer)
        accepted = said is not None and bool(said.by) and mission.decided_by != BY_POLICY
    ended = mission.status in _ENDED
    failed = max(0, mission.attempt - mission.rejections - mission.spared - ended)
    deed = MissionOutcome(mission=name, accepted=accepted, rejected=mission.rejections, failed=failed)
    return (mission, deed) if deed.accepted or deed.rejected or deed.failed else None
