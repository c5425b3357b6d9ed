"""How does late work, which nobody accepted, become a mission's result because a person says so?

A node that was fenced leaves what it did under a ref of its own. Adopting it writes its record into the branch as a
fold would, in one atomic push with the ref's deletion. The commit carries the person's signature, so nothing is written
but what a node's record may hold: an admin must not sign what a node slipped into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from missions.archive_path import ARCHIVE_FOLDER, PLACE
from missions.mission import Mission
from orchestrator.core.errors import NotFound, Refused, UnusableResult, WrongSetting
from orchestrator.ledger.result_record import ResultRecord, read_record, reject_reason
from orchestrator.ledger.result_report import redact_record
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import LATE, Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.membership import Membership
from orchestrator.policy.one_of_group import others_called_off
from orchestrator.workflow.approval.group_choice import require_first_of_group
from orchestrator.workflow.fold import FoldPlan
from orchestrator.workflow.mission_name import missing_mission
from sync.errors import ObjectMissing
from sync.remote import Oid, Refs, RefUpdate


@dataclass(frozen=True, kw_only=True)
class LateResult:
    """Late work on one mission. `name` is the ref's last part; `wrong` says why it cannot be adopted, if it cannot."""

    name: str
    which: str
    """What tells it from other late work on its mission: `<epoch>-<node>`."""
    oid: Oid
    node: str
    record: ResultRecord | None
    wrong: str = ""

    @property
    def ref(self) -> str:
        """Where it is."""
        return LATE + self.name


def late_results(ledger: LedgerSnapshot, trust: Trust, mission: str, *, signed: bool = True) -> list[LateResult]:
    """Late work on a mission. `a-1-b` may stand for the mission `a` or for `a-1`: the record in it tells."""
    found = [
        _read_late_result(ledger, trust, mission, name, oid, signed=signed)
        for name, oid in sorted(ledger.late.items())
        if name.startswith(f"{mission}-")
    ]
    return [late for late in found if late.record is None or late.record.mission == mission]


def _read_late_result(
    ledger: LedgerSnapshot, trust: Trust, mission: str, name: str, oid: Oid, *, signed: bool
) -> LateResult:
    which = name.removeprefix(f"{mission}-")
    try:
        record = read_record(ledger.store, oid)
    except (ObjectMissing, KeyError, ValueError) as error:
        wrong = f"it cannot be read: {error}"
        return LateResult(name=name, which=which, oid=oid, node="", record=None, wrong=wrong)
    rest = which.removeprefix(f"{record.epoch}-")
    names = {rest, rest.removesuffix(f"-{oid[:10]}")}  # see claim.keep_late
    signer = trust.signer(ledger, oid) if signed else None
    node = signer.name if signer else rest
    wrong = reject_reason(record, mission)
    if signed and (signer is None or "node" not in signer.roles or signer.name not in names):
        wrong = f"it is not signed by the node that it names ({min(names, key=len)})"
    return LateResult(name=name, which=which, oid=oid, node=node, record=record, wrong=wrong)


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """Late work as one person takes it in."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust

    def adopt(self, name: str, which: str = "") -> LateResult | None:
        """Makes late work the mission's result; None if that was done already.

        Raises NotFound where there is none, WrongSetting where `which` must say which, Refused for what may not be, and
        AlreadyDone where another attempt of its group was accepted.
        """
        adopted: LateResult | None = None

        def plan(refs: Refs) -> list[RefUpdate]:
            nonlocal adopted
            ledger = self.reader.read(refs)
            me = Membership(bus=self.bus, reader=self.reader, trust=self.trust).require_member(
                ledger, "author", "admin"
            )
            here = _mission_file(ledger, name)
            signer = self.trust.judge(ledger, signed=self.bus.sign is not None).signer
            require_first_of_group(ledger, here.mission, signer)
            late = self._chosen(ledger, here.mission, which)
            if late is None:
                return []
            files = _adoption_files(ledger, here, late, me.name) | others_called_off(ledger, here.mission)
            adopted = late
            message = f"Adopt {name}: late work of {late.node}\n\nAdopted-By: {me.name}\nAdopted-From: {late.ref}"
            commit = self.bus.commit(files, message, onto=ledger.tip, tree=ledger.tree)
            return [
                RefUpdate(ref=self.bus.main, expect=ledger.tip, new=commit),
                RefUpdate(ref=late.ref, expect=late.oid, new=None),
            ]

        self.bus.publish(plan)
        return adopted

    def _chosen(self, ledger: LedgerSnapshot, mission: Mission, which: str) -> LateResult | None:
        """The one that is meant; None if it is the mission's result already."""
        every = late_results(ledger, self.trust, mission.name, signed=self.bus.sign is not None)
        found = [late for late in every if which in ("", late.which)]
        if not found and mission.adopted_from and which in ("", mission.adopted_from):
            return None
        if not found:
            raise NotFound(f"{mission.name} has no late work{f' {which!r}' if which else ''}{_format_choices(every)}")
        if len(found) > 1:
            raise WrongSetting("--late", f"{mission.name} has late work more than once{_format_choices(every)}")
        if found[0].wrong:
            raise Refused(f"{found[0].ref} is not adopted: {found[0].wrong}")
        return found[0]


def _format_choices(every: Iterable[LateResult]) -> str:
    names = ", ".join(late.which for late in every)
    return f": choose among {names}" if names else ""


def _mission_file(ledger: LedgerSnapshot, name: str) -> MissionFile:
    here = ledger.open.get(name) or ledger.archived(name)
    if name in ledger.claims:
        node = ledger.claims[name].claim.node
        raise Refused(f"{node} works on {name}: wait for its result, or `shiftbook mission cancel {name}` first")
    if here is None:
        broken = next((bad for bad in ledger.quarantined if bad.name == name), None)
        if broken is not None:
            raise Refused(f"{broken.path} cannot be read ({broken.reason}): mend it first")
        raise missing_mission(ledger, name)
    return here


def _adoption_files(ledger: LedgerSnapshot, here: MissionFile, late: LateResult, by: str) -> dict[str, bytes | None]:
    """What the adoption writes. Raises Refused where that would not be a mission, or would replace another's memo."""
    assert late.record is not None  # what cannot be read is refused before
    attempt = here.mission.attempt + 1
    record = _renumbered(redact_record(late.record), here.mission.name, attempt)
    remark = f"- adopted by {by} from `{late.ref}`"
    record = replace(record, section=f"{record.section.rstrip()}\n\n{remark}")
    draft = FoldPlan(ledger)
    try:
        draft.adopt(here, record, node=late.node, by=by, late=late.which)
    except UnusableResult as error:
        raise Refused(str(error)) from error
    if record.memo and (ledger.read(record.memo_path) or record.memo.encode()) != record.memo.encode():
        raise Refused(f"{record.memo_path} is another attempt's memo: move it away first")
    return draft.files


def _renumbered(record: ResultRecord, mission: str, attempt: int) -> ResultRecord:
    """The record with its diff where the branch keeps it: the attempt's own number may be another's by now."""
    place = rf"({re.escape(ARCHIVE_FOLDER)}/{PLACE}/{re.escape(mission)})\.\d+\.diff"
    return replace(record, section=re.sub(place, rf"\1.{attempt}.diff", record.section))
