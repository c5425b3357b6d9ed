"""What does one ended attempt hand over? The files in a commit on the node's own log ref.

The fold copies them into the branch as they are, so two nodes that fold the same record write the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from handoff.entry import parse_log
from handoff.secrets.excerpts import redacted_line
from missions import document
from missions.approval import MAX_COUNT, ChangeFacts
from missions.archive_path import MEMO_FOLDER, archive_path, dated_path, day_of, index_entry, index_path
from missions.declared.plain_values import WrongValues
from missions.errors import BadName
from missions.evidence.bundle import (
    MANIFEST_NAME,
    MAX_EVIDENCE_BYTES,
    MAX_MANIFEST_BYTES,
    NO_EVIDENCE,
    EvidenceBundle,
    file_name,
    read_bundle,
)
from missions.fields import RECORD_FIELDS, explain, read_fields
from missions.frontmatter import Scalar
from missions.lease import Claim
from missions.mission import Mission, Quarantined, slug
from orchestrator.core.errors import UnusableResult
from orchestrator.ledger.log_paths import parse_log_path
from orchestrator.ledger.repeated_ending import merge_repeated_ending
from sync.objects import find, folder_entries, load_commit
from sync.remote import ObjectStore, Oid

MAX_PROPOSALS = 20
"""Missions that one attempt may propose; of more the fold knows nothing."""
MAX_SECTION_CHARS = 20_000
"""Characters of an attempt's section that stand in a mission which could not hold all of it."""
MAX_YEAR = 9000
"""A rest after a failed attempt must not lead out of the calendar."""


def artifact_path(claim: Claim, day: str, kind: str) -> str:
    """Where an attempt's diff or output is kept, whether or not its mission ends with it."""
    return archive_path(claim.mission, day, f"{claim.attempt}.{kind}")


def artifact_files(claim: Claim, day: str, kind: str, data: bytes) -> dict[str, bytes]:
    """The same with its content, and what has it found by name."""
    index = index_path(claim.mission, f"{claim.attempt}.{kind}")
    return {artifact_path(claim, day, kind): data, index: index_entry(day)}


def evidence_path(mission: str, attempt: int, day: str, number: int) -> str:
    """Where a file of an attempt's evidence is kept: by its number, in a folder of its own."""
    return archive_path(mission, day, f"{attempt}.{file_name(number)}")


@dataclass(frozen=True, kw_only=True)
class ResultRecord:
    """An attempt's texts. `fields` are the node fields for the mission's front matter; times are UTC text.

    `section` goes under the mission's `## Result`, `entry` into the session log at `log_path`, `memo` to `memo_path`,
    `artifacts` (diff, output) and `evidence` beside the archived mission. `facts` is what policy is asked about;
    `proposals` are missions that the agent would file, by name.
    """

    mission: str
    epoch: int
    fields: Mapping[str, Scalar]
    finished: str
    section: str
    entry: str
    log_path: str
    memo: str = ""
    memo_path: str = ""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    facts: ChangeFacts = field(default_factory=ChangeFacts)
    proposals: Mapping[str, str] = field(default_factory=dict)
    evidence: EvidenceBundle = NO_EVIDENCE

    def files(self) -> Mapping[str, bytes | None]:
        """The record as files of a commit."""
        beside = {"section", "entry", "memo", "artifacts", "proposals", "evidence"}
        meta = {key: value for key, value in asdict(self).items() if key not in beside}
        parts = {"section.md": self.section, "entry.md": self.entry, "memo.md": self.memo}
        parts |= {f"artifacts/{ending}": text for ending, text in self.artifacts.items()}
        parts |= {f"proposals/{name}": text for name, text in self.proposals.items()}
        meta_text = json.dumps(meta, sort_keys=True, ensure_ascii=False, indent=1) + "\n"
        texts = {"record.json": meta_text} | {path: text for path, text in parts.items() if text}
        return {path: text.encode("utf-8", "replace") for path, text in texts.items()} | self.evidence.parts()

    @property
    def day(self) -> str:
        """The archive's folder: the day on which the attempt ended."""
        return day_of(self.finished)


def kept_files(claim: Claim, record: ResultRecord) -> dict[str, bytes]:
    """What an attempt leaves beside the place where its mission ends: diff, output, its evidence and the list of it."""
    texts = {kind: content.encode() for kind, content in record.artifacts.items()}
    if manifest := record.evidence.manifest:
        texts[MANIFEST_NAME] = replace(manifest, epoch=claim.epoch).print()
    kept = {
        evidence_path(claim.mission, claim.attempt, record.day, number): one.data
        for number, one in enumerate(record.evidence.files, 1)
    }
    for kind, data in texts.items():
        kept |= artifact_files(claim, record.day, kind, data)
    return kept


MAX_PART_BYTES = 8 * 1024 * 1024
"""Of each file that a record carries; ours are a tenth of that."""


def read_facts(data: object) -> ChangeFacts:
    """Facts from plain data. Raises ValueError for what cannot be any."""
    from orchestrator.ledger.record_model import FACTS

    return FACTS.validate_json(json.dumps(data))


def read_record(store: ObjectStore, commit: Oid) -> ResultRecord:
    """Reads what a log commit carries. Raises KeyError, ValueError or ObjectMissing for one that is not a record."""
    from orchestrator.ledger.record_model import read_record_fields

    tree = load_commit(store, commit).tree

    def evidence(path: str) -> bytes:
        entry = find(store, tree, path)
        most = MAX_MANIFEST_BYTES if path == MANIFEST_NAME else MAX_EVIDENCE_BYTES
        return store.get(entry.oid, most) if entry and store.size(entry.oid) <= most else b""

    def text(path: str) -> str:
        entry = find(store, tree, path)
        return store.get(entry.oid, MAX_PART_BYTES).decode("utf-8", "replace") if entry else ""

    endings = ("diff", "submodules.diff", "output.txt")
    artifacts = {ending: text(f"artifacts/{ending}") for ending in endings}
    written = text("record.json")
    try:
        meta = read_record_fields(written)
    except ValueError as error:
        raise ValueError(_printable_line(f"record.json{error}")) from error
    return ResultRecord(
        **meta,
        proposals={name: text(f"proposals/{name}") for name in _proposal_names(store, tree)},
        section=text("section.md"),
        entry=text("entry.md"),
        memo=text("memo.md"),
        artifacts={ending: content for ending, content in artifacts.items() if content},
        evidence=read_bundle(evidence),
    )


def _proposal_names(store: ObjectStore, tree: Oid) -> Iterator[str]:
    """The names of the missions that an attempt proposes, the first ones."""
    entry = find(store, tree, "proposals")
    names = sorted(folder_entries(store, entry))
    yield from (name for name in names[:MAX_PROPOSALS] if "/" not in name)


def reject_reason(record: ResultRecord, mission: str) -> str:
    """What a record brings that no attempt at this mission may bring; empty if nothing. Its node may be hostile."""
    try:
        when = datetime.fromisoformat(record.finished)
    except (ValueError, TypeError):
        return "its time cannot be read"
    if when.tzinfo is None or when.year > MAX_YEAR:
        return "its time is no time of this calendar in UTC"
    memo_id = f"{mission}-{record.epoch}"
    by_month = f"{MEMO_FOLDER}/{when:%Y-%m}/{memo_id}.md"  # as nodes wrote it that knew no days
    memos = ("", dated_path(MEMO_FOLDER, record.day, memo_id), by_month)
    if record.finished[:10] != f"{when:%Y-%m-%d}" or not _is_running_log(record.log_path):
        return "it would write where no result of this mission belongs"
    if record.memo_path not in memos:
        return "it would write where no result of this mission belongs"
    if record.memo and not record.memo_path:
        return "its memo has no place"
    if any(entry.entry_id != f"{mission}-{record.epoch}" for entry in parse_log(record.entry).entries):
        return "its journal entry is another attempt's"
    extra = ", ".join(sorted(set(record.fields) - RECORD_FIELDS))
    return (
        f"it sets fields that no record may set: {_printable_line(extra)}" if extra else _invalid_value(record.fields)
    )


def _printable_line(text: str) -> str:
    """What a hostile node wrote, fit to be told in one line."""
    return redacted_line(text, 200)


def _invalid_value(fields: Mapping[str, Scalar]) -> str:
    try:
        read_fields(fields)
    except WrongValues as error:
        return f"it sets what no mission can have: {_printable_line(explain(error, {})[0])}"
    except OverflowError as error:  # a whole number that no float can be
        return f"it sets what no mission can have: {error}"
    cost = fields.get("cost_usd")
    if isinstance(cost, int | float) and not 0 <= cost <= MAX_COUNT:  # a budget would grow by what was spent
        return f"it says that it cost {cost:g} USD"
    return ""


def _is_running_log(path: str) -> bool:
    """Whether a path is a log that takes entries: the ledger's, or a project's (that fleet.toml may no longer have)."""
    found = parse_log_path(path)
    try:
        return found is not None and not found.month and found.project in ("", slug(found.project or "fleet"))
    except BadName:
        return False


def write_result(target: str, text: str, record: ResultRecord) -> bytes:
    """The mission's file with what the record brings. A section that no mission can hold is told in short.

    Raises UnusableResult where the file could be read without the record, and cannot with it.
    """
    broken = isinstance(document.read(target, encode_text(text)), Quarantined)
    fields, why = document.with_fields(text, record.fields), ""
    for section in (record.section, _truncate_section(record.section)):
        result = (fields, section) if broken else merge_repeated_ending(fields, section)
        data = encode_text(document.append_result(*result))
        read = document.read(target, data)
        if broken or isinstance(read, Mission):
            return data
        why = read.reason
    raise UnusableResult(f"with this result {target} could not be read: {why}")


def _truncate_section(section: str) -> str:
    """A section as short text: the whole of it is in the node's log."""
    text = section.replace("\0", "\N{REPLACEMENT CHARACTER}")
    left_out = len(text) - MAX_SECTION_CHARS
    return (
        f"{text[:MAX_SECTION_CHARS]}\n\n[… {left_out:,} more characters are in the node's log]"
        if left_out > 0
        else text
    )


def decode_text(data: bytes | None) -> str:
    """A file's text. Bytes that are no UTF-8 go through it unchanged: what a person wrote is not ours to replace."""
    return (data or b"").decode("utf-8", "surrogateescape")


def encode_text(text: str) -> bytes:
    """The bytes that `decoded` made this text of."""
    return text.encode("utf-8", "surrogateescape")
