"""How do ended attempts get from the log refs into the branch that people read?

By group commit: all that has ended since the last fold goes into one commit, in the same atomic push that deletes the
folded claims under lease. What is written is a function of the branch and the claims alone, so any node may do it, two
may race, and the loser finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice

from handoff import log
from handoff.encoding import lossless_text
from handoff.entry import most_entries, parse_log
from missions import document, lifecycle
from missions.archive_path import ARCHIVE_FOLDER, archive_path, archived_files, index_entry, index_path
from missions.frontmatter import Scalar
from missions.lease import PAUSED_REASON, Claim, ClaimState
from missions.merging.file_diff import overwritten_values
from missions.mission import FINISHED, Mission, Quarantined, Status
from orchestrator.core import tracing
from orchestrator.core.errors import UnusableResult
from orchestrator.core.time_text import format_utc
from orchestrator.execution.free_space import is_full_disk_reason
from orchestrator.ledger import conflicts, session_logs
from orchestrator.ledger.file_history.file_versions import FileVersions, last_spelling
from orchestrator.ledger.log_paths import parse_log_path
from orchestrator.ledger.repeated_ending import keeper_after
from orchestrator.ledger.result_record import (
    ResultRecord,
    artifact_files,
    decode_text,
    encode_text,
    kept_files,
    read_record,
    reject_reason,
    write_result,
)
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import CLAIM, Transport
from orchestrator.policy import child_missions
from orchestrator.policy.authorization import Trust
from orchestrator.policy.one_of_group import others_called_off
from orchestrator.policy.verdict import CLEARED_RESULT, VERDICT_ENDING, Judge, pending_delivery, with_ruling
from orchestrator.workflow.refused_results import RefusedResults
from sync.errors import ObjectMissing
from sync.objects import load_commit
from sync.remote import Oid, Refs, RefUpdate

MAX_DELETIONS = 8
"""Commits that are looked through for the last text of a file that is gone: the newest took it away, or a merge of
several that did."""


@dataclass(frozen=True, kw_only=True)
class FoldResult:
    """What one fold did: each mission with the state it is in now, and why some results were not taken."""

    missions: Mapping[str, Status]
    refused: Mapping[str, str] = field(default_factory=dict)


def has_work(ledger: LedgerSnapshot) -> bool:
    """Whether there is anything to fold, or to refuse."""
    return bool(ledger.ended_claims or settled_by_hand(ledger))


def settled_by_hand(ledger: LedgerSnapshot) -> list[MissionFile]:
    """Open files that a person marked done or cancelled, that nobody works on, and whose branch goes nowhere."""
    over = (filed for filed in ledger.open_and_over if filed.mission.name not in ledger.claims)
    return [filed for filed in over if not pending_delivery(ledger.charter, filed.mission)]


def fold(
    bus: Transport,
    reader: SnapshotReader,
    trust: Trust,
    check: Callable[[LedgerSnapshot], None] = lambda _ledger: None,
    refused: RefusedResults | None = None,
) -> FoldResult:
    """Folds everything that can be folded. Raises what the remote raises, and TooManyRaces.

    `check` looks at the very ledger that is folded, and raises if it must not be (trap C). `refused` remembers from one
    fold to the next which claims bring nothing; they are not looked at.
    """
    refused = RefusedResults() if refused is None else refused
    done, odd, children = dict[str, Status](), dict[str, str](), list[str]()

    def plan(refs: Refs) -> list[RefUpdate]:
        done.clear()
        odd.clear()
        children.clear()
        ledger = reader.read(refs)
        check(ledger)
        ended = refused.undecided(ledger)
        if not ended and not settled_by_hand(ledger):
            return []
        draft = FoldPlan(ledger, trust.judge(ledger, signed=bus.sign is not None))
        gone: list[HeldClaim] = []
        for held in sorted(ended, key=lambda held: held.claim.mission):
            try:
                record = _read_signed_record(bus, ledger, trust, held)
            except UnusableResult as error:
                odd[held.claim.mission] = str(error)
                refused.note(ledger, held, error.__cause__)
                continue
            try:
                done.update(draft.take(held.claim, record))
                gone.append(held)
            except UnusableResult as error:
                odd[held.claim.mission] = str(error)
                refused.note_unfit(ledger, held)
        for filed in settled_by_hand(ledger):
            done[filed.mission.name] = draft.settle(filed)
        children[:] = child_missions.new_missions(ledger, draft.files)
        deletions = [RefUpdate(ref=CLAIM + h.claim.mission, expect=h.oid, new=None) for h in gone]
        if not draft.files:
            return deletions
        commit = bus.commit(draft.files, _commit_message(done), onto=ledger.tip, tree=ledger.tree)
        return [RefUpdate(ref=bus.main, expect=ledger.tip, new=commit), *deletions]

    began = tracing.moment()
    bus.publish(plan)
    for name in children:
        tracing.record(tracing.FILING, began, mission=name)
    for name, status in done.items():
        tracing.record("mission.fold", began, mission=name, node=bus.name, status=str(status), beside=len(done) - 1)
    return FoldResult(missions=dict(done), refused=odd)


def _read_signed_record(bus: Transport, ledger: LedgerSnapshot, trust: Trust, held: HeldClaim) -> ResultRecord:
    """What an ended attempt brought. Raises UnusableResult: the very node that the claim names must have signed
    both, and it must bring nothing but a result of this mission."""
    claim = held.claim
    signed = bus.sign is not None  # a ledger without signatures is the in-memory remote of simulations
    try:  # a node may name anything as its record, and a server may have lost it: neither may stop the other folds
        if claim.log is None or (
            signed and not all(trust.is_signed_by_holder(ledger, held, oid) for oid in (held.oid, claim.log))
        ):
            raise UnusableResult(f"it is not signed by {claim.node}")
        record = read_record(bus.store, claim.log)
    except (ObjectMissing, LookupError, ValueError) as error:
        raise UnusableResult(f"its record cannot be read: {error}") from error
    if (record.mission, record.epoch) != (claim.mission, claim.epoch):
        raise UnusableResult("its record is another attempt's")
    wrong = reject_reason(record, claim.mission)
    if wrong:
        raise UnusableResult(wrong)
    return record


def _commit_message(done: Mapping[str, Status]) -> str:
    if len(done) == 1:
        name, status = next(iter(done.items()))
        return f"{name}: {status}"
    lines = "\n".join(f"{name}: {status}" for name, status in sorted(done.items()))
    return f"{len(done)} missions\n\n{lines}"


class FoldPlan:
    """The files that one fold writes, on top of what the branch has."""

    def __init__(self, ledger: LedgerSnapshot, judge: Judge | None = None) -> None:
        self.ledger = ledger
        self.judge = judge or Judge(ledger=ledger)
        self.files: dict[str, bytes | None] = {}

    def take(self, claim: Claim, record: ResultRecord) -> dict[str, Status]:
        """Folds one closed claim. Returns the mission's new state; nothing for a claim that the branch is past.

        Raises UnusableResult, and writes nothing, for a record with which the mission could not be read any more.
        """
        kept = dict(self.files)
        try:
            return self._take(claim, record)
        except UnusableResult:
            self.files = kept  # the children that it brought were filed already
            raise

    def _take(self, claim: Claim, record: ResultRecord) -> dict[str, Status]:
        here = self.ledger.open.get(claim.mission) or self.ledger.archived(claim.mission)
        if here is not None and here.mission.epoch >= claim.epoch:
            return {}
        mission = here.mission if here else self._as_claimed(claim)
        path = here.path if here else self._broken_path(claim.mission)
        ruling = self.judge.ruling(mission, record, here) if claim.state is ClaimState.DONE else None
        held = ruling.verdict.held if ruling else None
        new = lifecycle.apply_closed_claim(mission, claim, finished=datetime.fromisoformat(record.finished), held=held)
        new = self._keep_person_status(new, here, path)
        new = _apply_pause(new, here, claim, record)
        new = ruling.onto(new, record) if ruling else new
        text = _without_copied(decode_text(self.ledger.read(path) if path else self._deleted(claim)), here)
        target = self._target(path, new, record)
        record = _with_copied_remark(record, here)
        before = here.mission if here else document.read(f"{claim.mission}.md", encode_text(text))
        record = _with_total_cost(self._with_change_remark(claim, text, record), before)
        record = self._with_children(claim, mission, record)
        self._write(path, target, text, new, with_ruling(record, claim, new, ruling))
        if path is not None:
            self._dispute(claim, path, text, target, record)
        if ruling:
            self.files |= artifact_files(claim, record.day, VERDICT_ENDING, ruling.print())
        self._keep(claim, record)
        self._journal(record)
        return {claim.mission: new.status}

    def adopt(self, here: MissionFile, record: ResultRecord, *, node: str, by: str, late: str) -> str:
        """Makes late work the mission's result, on a person's word; returns the mission's new path.

        What it was before stays as an earlier attempt. Raises UnusableResult as `take` does.
        """
        attempt, epoch = here.mission.attempt + 1, max(here.mission.epoch, record.epoch)
        new = replace(here.mission, status=Status.DONE, node=node, attempt=attempt, epoch=epoch, retry_at=None)
        new = replace(new, reason=None, kept_on=None, commit=None, merged=None)
        claim = Claim(mission=new.name, blob=here.blob, node=node, boot="", epoch=epoch, attempt=attempt, nonce="")
        fields = {**record.fields, **CLEARED_RESULT, "adopted_by": by, "adopted_from": late}
        record = _with_total_cost(replace(record, fields=fields), here.mission)
        text = decode_text(self.ledger.store.get(here.blob, document.MAX_FILE_BYTES))
        target = self._target(here.path, new, record)
        self._write(here.path, target, text, new, record)
        self._keep(claim, record)
        self._journal(record)
        return target

    def _dispute(self, claim: Claim, path: str, text: str, target: str, record: ResultRecord) -> None:
        """What a person wrote into the node's fields while it ran, and which the node's own word replaces."""
        if encode_text(text) == self._claimed(claim):
            return
        lost = overwritten_values(self._claimed(claim), encode_text(text), self.files[target] or b"")
        ends = {f.part for f in lost if f.part == "status" and {f.kept, f.lost} <= {s.value for s in FINISHED}}
        lost = tuple(one for one in lost if one.part not in ends)  # it is over either way
        if any(f.part == "status" and f.lost == Status.PARKED for f in lost):  # a pause that came too late
            lost = tuple(one for one in lost if one.part not in {"status", "reason"})
        if not lost:
            return
        commit = next(iter(self.ledger.store.history(self.ledger.tip, path)), "")
        author = load_commit(self.ledger.store, commit).author if commit else ""
        for one in lost:
            whose = replace(one, kept_by=(0, 0, claim.node), lost_by=(0, 0, author))
            found = conflicts.unresolved_conflict(
                claim.mission, whose, day=record.day, kept_in=claim.log or "", lost_in=commit
            )
            self.files[found.path] = conflicts.render(found)

    def _keep_person_status(self, new: Mission, here: MissionFile | None, path: str | None) -> Mission:
        """A file that a person cancelled, deleted or archived while it ran is not put back to run again."""
        if here is not None and here.path.startswith(ARCHIVE_FOLDER) and here.mission.status in FINISHED:
            return replace(new, status=here.mission.status, retry_at=None)
        called_off = here is not None and here.mission.status is Status.CANCELLED
        withdrawn = path is None or path.startswith(ARCHIVE_FOLDER) or called_off
        return replace(new, status=Status.CANCELLED, retry_at=None) if withdrawn and new.status not in FINISHED else new

    def _with_change_remark(self, claim: Claim, text: str, record: ResultRecord) -> ResultRecord:
        """The record, with a word if the attempt worked from another text than what the file asks for now."""
        if document.requested_content(encode_text(text)) == document.requested_content(self._claimed(claim)):
            return record
        remark = f"- the file was changed during this attempt, which worked from `git cat-file blob {claim.blob[:10]}`"
        return replace(record, section=f"{record.section.rstrip()}\n\n{remark}")

    def _with_children(self, claim: Claim, parent: Mission, record: ResultRecord) -> ResultRecord:
        """The record, with a line on each mission that the agent proposed; those that can be are filed."""
        if claim.state is not ClaimState.DONE or not record.proposals:
            return record
        filing = child_missions.file_proposals(self.ledger, parent, record.proposals, self.files)
        self.files |= filing.files
        return replace(record, section="\n".join([record.section.rstrip() + "\n", *filing.remarks]))

    def settle(self, filed: MissionFile) -> Status:
        """Archives a mission that a person marked done or cancelled. Where it takes a person to say so and nobody has
        who may, it waits again."""
        tip = load_commit(self.ledger.store, self.ledger.tip)
        # The branch's own time: a clock of this node would make the fold depend on who does it.
        day = f"{filed.mission.finished or datetime.fromtimestamp(tip.committed, UTC):%Y/%m/%d}"
        said = self.judge.settled(filed)
        data = self.ledger.store.get(filed.blob, document.MAX_FILE_BYTES)
        data = encode_text(document.with_fields(decode_text(data), said)) if said else data
        if "status" in said:
            self.files[filed.path] = data
            return Status(str(said["status"]))
        self.files |= {**archived_files(filed.mission.name, day, data), filed.path: None}
        if filed.mission.status is Status.DONE:
            others = others_called_off(self.ledger, filed.mission)
            self.files |= {path: data for path, data in others.items() if path not in self.files}
        return filed.mission.status

    def _target(self, path: str | None, new: Mission, record: ResultRecord) -> str:
        """Where the mission's file goes: finished ones to the day's archive, others stay where they are."""
        stays = new.status not in FINISHED or pending_delivery(self.ledger.charter, new)
        if path is not None and (path.startswith(ARCHIVE_FOLDER) or stays):
            return path
        return archive_path(new.name, record.day)

    def _write(self, path: str | None, target: str, text: str, new: Mission, record: ResultRecord) -> None:
        retry = format_utc(new.retry_at) if new.retry_at else None
        state: dict[str, Scalar] = {"status": new.status.value, "node": new.node, "attempt": new.attempt}
        anew: dict[str, Scalar] = {"adopted_by": None, "adopted_from": None}
        anew |= {"reason": new.reason, "kept_on": new.kept_on}
        fields = state | {"epoch": new.epoch, "retry_at": retry} | anew
        self.files[target] = write_result(target, document.with_fields(text, fields), record)
        if target == archive_path(new.name, record.day):
            self.files[index_path(new.name)] = index_entry(record.day)
        if path is not None and path != target:
            self.files[path] = None

    def _keep(self, claim: Claim, record: ResultRecord) -> None:
        """The attempt's diff, output and evidence, beside the place where its mission ends."""
        self.files |= kept_files(claim, record)

    def _journal(self, record: ResultRecord) -> None:
        if record.entry:
            before = self.files.get(record.log_path) or self.ledger.read(record.log_path) or b""
            entries = parse_log(record.entry).entries
            self._write_log(record.log_path, log.append_many(lossless_text(before), entries))
        if record.memo and self.ledger.read(record.memo_path) is None:  # what is there already is nobody's to replace
            self.files[record.memo_path] = record.memo.encode()

    def _write_log(self, path: str, text: str) -> None:
        """A running log that has grown long leaves its older entries to their days, so that no fold writes many."""
        days: dict[str, str] = {}
        roof = session_logs.MAX_RUNNING_ENTRIES
        if most_entries(text) > roof and len(parse_log(text).entries) > roof:
            text, days = log.rotate_days(text, session_logs.MIN_RUNNING_ENTRIES)
        self.files[path] = encode_text(text)
        found = parse_log_path(path)
        for day, more in days.items():
            project = found.project if found else ""
            to = session_logs.day_path(self.ledger, project, day, self.files)
            more = session_logs.not_filed(self.ledger, project, day, more, to, self.files)
            if more:
                there = lossless_text(self.files.get(to) or self.ledger.read(to) or b"")
                self.files[to] = encode_text(session_logs.with_entries(there, more))

    def _as_claimed(self, claim: Claim) -> Mission:
        """The mission as it was when it was claimed: its file was deleted, or cannot be read any more."""
        found = document.read(f"{claim.mission}.md", self._claimed(claim))
        return Mission(name=claim.mission, title=claim.mission, body="") if isinstance(found, Quarantined) else found

    def _deleted(self, claim: Claim) -> bytes:
        """A deleted file as the branch had it last: it may tell of attempts that had ended after this claim was made.
        As it was claimed where the branch does not say."""
        path = last_spelling(self.ledger.store, self.ledger.tip, claim.mission)
        versions = FileVersions(self.ledger.store)
        commits = islice(self.ledger.store.history(self.ledger.tip, path), MAX_DELETIONS)
        last = next(filter(None, (versions.blob(path, commit) for commit in commits)), claim.blob)
        return self._read_blob(last) or self._claimed(claim)

    def _claimed(self, claim: Claim) -> bytes:
        """The file as it was claimed; empty when the claim names no object that is there."""
        return self._read_blob(claim.blob)

    def _read_blob(self, blob: Oid) -> bytes:
        try:
            return self.ledger.store.get(blob, document.MAX_FILE_BYTES)
        except ObjectMissing:
            return b""

    def _broken_path(self, name: str) -> str | None:
        """Where a file that broke while it ran stands; None when the file was deleted."""
        return next((q.path for q in self.ledger.quarantined if q.name == name), None)


def _without_copied(text: str, here: MissionFile | None) -> str:
    """The file's text without nodes' fields that came with it and are about another mission."""
    return document.with_fields(text, dict.fromkeys(here.copied)) if here and here.copied else text


def _with_copied_remark(record: ResultRecord, here: MissionFile | None) -> ResultRecord:
    if here is None or not here.copied:
        return record
    remark = f"- the file came with {', '.join(here.copied)}, which no node had said of this mission: it began anew"
    return replace(record, section=f"{record.section.rstrip()}\n\n{remark}")


def _apply_pause(new: Mission, here: MissionFile | None, claim: Claim, record: ResultRecord) -> Mission:
    """What a person's pause makes of an end that would have the mission run again, and who keeps its workspace.

    A pause is the person's word, so the file says whether it still holds: it may have been resumed meanwhile. What one
    node's full disk parked is not kept for that node: any other can do it.
    """
    paused = here is not None and here.mission.status is Status.PARKED
    if paused and new.status in {Status.QUEUED, Status.FAILED}:
        new = replace(new, status=Status.PARKED, retry_at=None)
    elif not paused and new.status is Status.PARKED and claim.reason == PAUSED_REASON:
        new = replace(new, status=Status.QUEUED)
    reason = new.reason if new.status is Status.REVIEW or (new.status is Status.PARKED and paused) else None
    parked = claim.state is ClaimState.PARKED and not is_full_disk_reason(record.fields.get("reason"))
    keeper = claim.node if parked else keeper_after(record.section, claim.node, new.kept_on)
    return replace(new, reason=reason, kept_on=keeper if new.status in {Status.PARKED, Status.QUEUED} else None)


def _with_total_cost(record: ResultRecord, before: Mission | Quarantined) -> ResultRecord:
    """The record with what the mission has cost in all: an attempt tells what it has cost itself."""
    cost, earlier = record.fields.get("cost_usd"), before.cost_usd if isinstance(before, Mission) else None
    if earlier is None or not isinstance(cost, int | float | None):
        return record
    return replace(record, fields=dict(record.fields) | {"cost_usd": round(earlier + (cost or 0.0), 6)})
