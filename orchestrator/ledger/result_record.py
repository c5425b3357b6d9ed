"""What does one ended attempt hand over? The files in a commit on the node's own log ref.

The fold copies them into the branch as they are, so two nodes that fold the same record write the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handoff.entry import parse_log
from handoff.tiers import Tier, path_of
from missions import document
from missions.approval import Facts
from missions.errors import BadName
from missions.fields import Fields, explain
from missions.frontmatter import Scalar
from missions.lease import Claim
from missions.mission import Mission, Quarantined, slug
from orchestrator.core.errors import Unfit
from orchestrator.ledger.archive import ARCHIVE
from sync.objects import FOLDER, find, read_commit, read_tree
from sync.remote import Oid, Store

FIELDS = frozenset({"started", "finished", "branch", "cost_usd", "reason", "matched_project", "chosen_agent"})
"""The node fields that a record may bring; the others follow from its claim."""
PROPOSALS = 20
"""Missions that one attempt may propose; of more the fold knows nothing."""
SECTION_ROOF = 20_000
"""Characters of an attempt's section that stand in a mission which could not hold all of it."""
LAST_YEAR = 9000
"""A rest after a failed attempt must not lead out of the calendar."""


def artifact_path(claim: Claim, month: str, kind: str) -> str:
    """Where an attempt's diff or output is kept, whether or not its mission ends with it."""
    return f"{ARCHIVE}/{month}/{claim.mission}.{claim.attempt}.{kind}"


@dataclass(frozen=True, kw_only=True)
class Record:
    """An attempt's texts. `fields` are the node fields for the mission's front matter; times are UTC text.

    `section` goes under the mission's `## Result`, `entry` into the session log at `log_path`, `memo` to `memo_path`,
    `artifacts` (diff, output) beside the archived mission, by their ending. `facts` is what policy is asked about;
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
    facts: Facts = field(default_factory=Facts)
    proposals: Mapping[str, str] = field(default_factory=dict)

    def files(self) -> Mapping[str, bytes | None]:
        """The record as files of a commit."""
        beside = {"section", "entry", "memo", "artifacts", "proposals"}
        meta = {key: value for key, value in asdict(self).items() if key not in beside}
        parts = {"section.md": self.section, "entry.md": self.entry, "memo.md": self.memo}
        parts |= {f"artifacts/{ending}": text for ending, text in self.artifacts.items()}
        parts |= {f"proposals/{name}": text for name, text in self.proposals.items()}
        meta_text = json.dumps(meta, sort_keys=True, ensure_ascii=False, indent=1) + "\n"
        texts = {"record.json": meta_text} | {path: text for path, text in parts.items() if text}
        return {path: text.encode("utf-8", "replace") for path, text in texts.items()}

    @property
    def month(self) -> str:
        """The archive's folder: the month in which the attempt ended."""
        return self.finished[:7]


PATH_ROOF = 1024
"""Characters of a path in the facts: every pattern of the rules is held against it."""
COUNT_ROOF = 10**9
"""Most lines, and most USD: what cannot be a sensible number is refused before anybody reckons with it."""

Path = Annotated[str, Field(max_length=PATH_ROOF)]
Paths = Annotated[tuple[Path, ...], Field(max_length=10_000)]
Count = Annotated[int, Field(ge=0, le=COUNT_ROOF)]
Object = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class _Facts(BaseModel):
    """`facts` in `record.json`; see missions.approval.Facts."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    files: Paths | None = None
    added: Count | None = None
    removed: Count | None = None
    binaries: Paths | None = None
    modes: Paths | None = None
    executables: Paths | None = None
    links: Paths | None = None
    cost_usd: Annotated[float, Field(ge=0, le=COUNT_ROOF)] | None = None
    tested: bool | None = None
    denials: Annotated[tuple[str, ...], Field(max_length=10_000)] | None = None
    commit: Object | None = None
    base: Object | None = None


class _Meta(BaseModel):
    """`record.json` as it may be written, by whatever node."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    mission: str
    epoch: int
    fields: dict[str, str | int | float | bool | None]
    finished: str
    log_path: str
    memo_path: str = ""
    facts: _Facts = _Facts()


def read_facts(data: object) -> Facts:
    """Facts from plain data. Raises ValueError for what cannot be any."""
    return Facts(**_Facts.model_validate_json(json.dumps(data)).model_dump())


def read_record(store: Store, commit: Oid) -> Record:
    """Reads what a log commit carries. Raises KeyError, ValueError or ObjectMissing for one that is not a record."""
    tree = read_commit(store.get(commit)).tree

    def text(path: str) -> str:
        entry = find(store, tree, path)
        return store.get(entry.oid).decode("utf-8", "replace") if entry else ""

    endings = ("diff", "output.txt")
    artifacts = {ending: text(f"artifacts/{ending}") for ending in endings}
    try:
        meta = _Meta.model_validate_json(text("record.json"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in ("record.json", *first["loc"]))
        raise ValueError(_line(f"{where}: {first['msg']}")) from error
    return Record(
        **meta.model_dump(exclude={"facts"}),
        facts=Facts(**meta.facts.model_dump()),
        proposals={name: text(f"proposals/{name}") for name in _proposed(store, tree)},
        section=text("section.md"),
        entry=text("entry.md"),
        memo=text("memo.md"),
        artifacts={ending: content for ending, content in artifacts.items() if content},
    )


def _proposed(store: Store, tree: Oid) -> Iterator[str]:
    """The names of the missions that an attempt proposes, the first ones."""
    entry = find(store, tree, "proposals")
    names = sorted(read_tree(store.get(entry.oid))) if entry and entry.mode == FOLDER else []
    yield from (name for name in names[:PROPOSALS] if "/" not in name)


def flaw(record: Record, mission: str) -> str:
    """What a record brings that no attempt at this mission may bring; empty if nothing. Its node may be hostile."""
    try:
        when = datetime.fromisoformat(record.finished)
    except (ValueError, TypeError):
        return "its time cannot be read"
    if when.tzinfo is None or when.year > LAST_YEAR:
        return "its time is no time of this calendar in UTC"
    memo = f"memos/{when:%Y-%m}/{mission}-{record.epoch}.md"
    if record.finished[:7] != f"{when:%Y-%m}" or not _is_log(record.log_path) or record.memo_path not in ("", memo):
        return "it would write where no result of this mission belongs"
    if record.memo and not record.memo_path:
        return "its memo has no place"
    if any(entry.entry_id != f"{mission}-{record.epoch}" for entry in parse_log(record.entry).entries):
        return "its journal entry is another attempt's"
    extra = ", ".join(sorted(set(record.fields) - FIELDS))
    return f"it sets fields that no record may set: {_line(extra)}" if extra else _odd_value(record.fields)


def _line(text: str) -> str:
    """What a hostile node wrote, fit to be told in one line."""
    return "".join(char if char.isprintable() else " " for char in text[:200])


def _odd_value(fields: Mapping[str, Scalar]) -> str:
    try:
        Fields.model_validate(dict(fields))
    except ValidationError as error:
        return f"it sets what no mission can have: {_line(explain(error, {})[0])}"
    except OverflowError as error:  # a whole number that no float can be
        return f"it sets what no mission can have: {error}"
    cost = fields.get("cost_usd")
    if isinstance(cost, int | float) and not 0 <= cost <= COUNT_ROOF:  # a budget would grow by what was spent
        return f"it says that it cost {cost:g} USD"
    return ""


def _is_log(path: str) -> bool:
    """Whether a path is a session log: the ledger's own, or a project's (that fleet.toml may no longer have)."""
    found = re.fullmatch(r"projects/([^/]+)/.*", path)
    try:
        return path == path_of(Tier.LOG, slug(found[1]) if found else "")
    except BadName:
        return False


def inscribed(target: str, text: str, record: Record) -> bytes:
    """The mission's file with what the record brings. A section that no mission can hold is told in short.

    Raises Unfit where the file could be read without the record, and cannot with it.
    """
    broken = isinstance(document.read(target, encoded(text)), Quarantined)
    fields, why = document.with_fields(text, record.fields), ""
    for section in (record.section, _shortened(record.section)):
        data = encoded(document.with_attempt(fields, section))
        read = document.read(target, data)
        if broken or isinstance(read, Mission):
            return data
        why = read.reason
    raise Unfit(f"with this result {target} could not be read: {why}")


def _shortened(section: str) -> str:
    """A section as short text: the whole of it is in the node's log."""
    text = section.replace("\0", "\N{REPLACEMENT CHARACTER}")
    left_out = len(text) - SECTION_ROOF
    return f"{text[:SECTION_ROOF]}\n\n[… {left_out:,} more characters are in the node's log]" if left_out > 0 else text


def decoded(data: bytes | None) -> str:
    """A file's text. Bytes that are no UTF-8 go through it unchanged: what a person wrote is not ours to replace."""
    return (data or b"").decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """The bytes that `decoded` made this text of."""
    return text.encode("utf-8", "surrogateescape")
