"""What does one ended attempt hand over? The files in a commit on the node's own log ref.

The fold copies them into the branch as they are, so two nodes that fold the same record write the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from handoff.tiers import Tier, path_of
from missions.errors import BadName
from missions.fields import Fields, explain
from missions.frontmatter import Scalar
from missions.lease import Claim
from missions.mission import slug
from orchestrator.archive import ARCHIVE
from sync.objects import find, read_commit
from sync.remote import Oid, Store

FIELDS = frozenset({"started", "finished", "branch", "cost_usd"})
"""The node fields that a record may bring; the others follow from its claim."""
LAST_YEAR = 9000
"""A rest after a failed attempt must not lead out of the calendar."""


def artifact_path(claim: Claim, month: str, kind: str) -> str:
    """Where an attempt's diff or output is kept, whether or not its mission ends with it."""
    return f"{ARCHIVE}/{month}/{claim.mission}.{claim.attempt}.{kind}"


@dataclass(frozen=True, kw_only=True)
class Record:
    """An attempt's texts. `fields` are the node fields for the mission's front matter; times are UTC text.

    `section` goes under the mission's `## Result`, `entry` into the session log at `log_path`, `memo` to `memo_path`,
    `artifacts` (diff, output) beside the archived mission, by their ending.
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

    def files(self) -> Mapping[str, bytes | None]:
        """The record as files of a commit."""
        meta = {
            key: value for key, value in asdict(self).items() if key not in {"section", "entry", "memo", "artifacts"}
        }
        parts = {"section.md": self.section, "entry.md": self.entry, "memo.md": self.memo}
        parts |= {f"artifacts/{ending}": text for ending, text in self.artifacts.items()}
        meta_text = json.dumps(meta, sort_keys=True, ensure_ascii=False, indent=1) + "\n"
        texts = {"record.json": meta_text} | {path: text for path, text in parts.items() if text}
        return {path: text.encode("utf-8", "replace") for path, text in texts.items()}

    @property
    def month(self) -> str:
        """The archive's folder: the month in which the attempt ended."""
        return self.finished[:7]


class _Meta(BaseModel):
    """`record.json` as it may be written, by whatever node."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    mission: str
    epoch: int
    fields: dict[str, str | int | float | bool | None]
    finished: str
    log_path: str
    memo_path: str = ""


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
        **meta.model_dump(),
        section=text("section.md"),
        entry=text("entry.md"),
        memo=text("memo.md"),
        artifacts={ending: content for ending, content in artifacts.items() if content},
    )


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
    return ""


def _is_log(path: str) -> bool:
    """Whether a path is a session log: the ledger's own, or a project's (that fleet.toml may no longer have)."""
    found = re.fullmatch(r"projects/([^/]+)/.*", path)
    try:
        return path == path_of(Tier.LOG, slug(found[1]) if found else "")
    except BadName:
        return False
