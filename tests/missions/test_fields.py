"""Is each field of a mission declared once, and does it come back from a file as it was written?"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import get_type_hints

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.document import read
from missions.field_types import Writer
from missions.fields import NODE_FIELDS, RECORD_FIELDS, ROLES, SHOWN_FIELDS, read_fields
from missions.mission import APPROVALS, DELIVERIES, PAID_AGENTS, UPDATE_TASK, Mission, MissionFields, Status
from orchestrator.workflow.mission_view import MissionView

WORDS = st.text(alphabet="abc xyz-äß日#:'\"", min_size=1, max_size=20).filter(
    lambda text: text.strip() not in ("", "none")
)
LISTS = st.lists(WORDS, max_size=3).map(tuple)
SLUGS = st.lists(st.from_regex(r"[a-z]{1,6}(-[a-z]{1,6})?", fullmatch=True), max_size=3).map(tuple)
TIMES = st.datetimes(timezones=st.just(UTC)).filter(lambda when: 1000 < when.year < 9000)
COUNTS = st.integers(0, 1000)
COMMITS = st.from_regex(r"[0-9a-f]{40}", fullmatch=True)
MONEY = st.floats(0, 1e6)
SAMPLES: dict[str, st.SearchStrategy[object]] = {
    "title": WORDS.filter(str.strip),
    "project": WORDS,
    "task": st.sampled_from(["general_task", "coding_task"]),
    "agent": st.sampled_from(sorted(PAID_AGENTS)),
    "attempts": st.just(1),
    "agents": st.just(()),
    "group": st.from_regex(r"[a-z]{1,8}(-[0-9]{1,3})?", fullmatch=True),
    "priority": st.integers(0, 9),
    "run": WORDS,
    "to": LISTS,
    "capabilities": LISTS,
    "depends_on": SLUGS,
    "not_before": TIMES,
    "timeout_seconds": st.integers(1, 604_800),
    "max_retries": st.integers(0, 100),
    "budget_usd": MONEY,
    "scope": LISTS,
    "approve": st.sampled_from(APPROVALS),
    "patch": COMMITS,
    "attachments": st.builds(lambda oid: (f"{oid} shot.png", f"{oid} log.txt"), COMMITS),
    "trusted_by": WORDS,
    "release": st.from_regex(r"v[1-9]\.(0|[1-9][0-9]{0,2})\.0", fullmatch=True),
    "status": st.sampled_from([each for each in Status if each not in (Status.QUARANTINED, Status.UNTRUSTED)]),
    "node": WORDS,
    "attempt": COUNTS,
    "epoch": COUNTS,
    "retry_at": TIMES,
    "started": TIMES,
    "finished": TIMES,
    "branch": WORDS,
    "cost_usd": MONEY,
    "reason": WORDS,
    "kept_on": WORDS,
    "matched_project": WORDS,
    "chosen_agent": WORDS,
    "answered_by": WORDS,
    "commit": COMMITS,
    "decision": st.sampled_from(["approved", "rejected"]),
    "decided_by": WORDS,
    "decided": TIMES,
    "comment": WORDS,
    "rejections": COUNTS,
    "retries": COUNTS,
    "spared": COUNTS,
    "on_approval": st.sampled_from(DELIVERIES),
    "merged": COMMITS,
    "pull_request": WORDS,
    "pull_state": st.sampled_from(["open", "changing", "merged", "closed"]),
    "pull_head": COMMITS,
    "feedback": WORDS,
    "feedback_rounds": COUNTS,
    "feedback_seen": WORDS,
    "parent": WORDS,
    "adopted_by": WORDS,
    "adopted_from": WORDS,
}
"""Values of each field; a new field needs a line here, too."""
NOT_OF_AN_UPDATE = ("agent", "run", "project", "patch", "attachments")
WRITTEN = st.sets(st.sampled_from(sorted(SAMPLES))).flatmap(
    lambda names: st.fixed_dictionaries({name: SAMPLES[name] for name in sorted(names)})
)


def faults(declared: type[MissionFields]) -> list[str]:
    """The fields of a declaration that no form can handle: no default, or not exactly one writer."""
    hints = get_type_hints(declared, include_extras=True)
    writers = {name: [r for r in getattr(h, "__metadata__", ()) if isinstance(r, Writer)] for name, h in hints.items()}
    found = dataclasses.fields(declared)
    return [f.name for f in found if f.default is dataclasses.MISSING or len(writers[f.name]) != 1]


def in_yaml(value: object) -> object:
    """As a person or a node writes it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return [*value] if isinstance(value, tuple) else str(value) if isinstance(value, Status) else value


@settings(deadline=None)
@given(WRITTEN)
def test_what_is_written_comes_back(values: dict[str, object]) -> None:
    """Every field, in any company, has in the mission the value that stands in the file."""
    if "run" in values:  # which is for its own agent
        values = {name: value for name, value in values.items() if name not in ("agent", "task")}
    if "release" in values:  # which is for its own task
        values = {name: value for name, value in values.items() if name not in NOT_OF_AN_UPDATE}
        values |= {"task": UPDATE_TASK, "to": ("desk",)}
    front = yaml.safe_dump({name: in_yaml(value) for name, value in values.items()}, allow_unicode=True)
    found = read("missions/m.md", f"---\n{front}---\ndo it\n".encode())
    assert isinstance(found, Mission), found
    assert {name: getattr(found, name) for name in values} == values
    assert read_fields({name: in_yaml(value) for name, value in values.items()}) == MissionFields(**values)  # type: ignore[arg-type]  # any of them


def test_each_field_has_a_writer_and_a_default() -> None:
    """One that is declared without, as a new one may be in haste, is found."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Hasty(MissionFields):
        note: str | None = None

    assert faults(MissionFields) == []
    assert faults(Hasty) == ["note"]
    assert set(SAMPLES) == set(ROLES) == {field.name for field in dataclasses.fields(MissionFields)}


def test_the_other_forms_follow_from_the_declaration() -> None:
    """Nodes write what is theirs, records bring a part of it, a view shows what it shall in that order."""
    persons = [name for name, roles in ROLES.items() if Writer.PERSON in roles]
    assert {*persons, *NODE_FIELDS} == set(ROLES)
    assert not set(persons) & set(NODE_FIELDS)
    assert set(NODE_FIELDS) > RECORD_FIELDS
    keys = list(MissionView(name="m", title="m", path="m.md").json())
    assert [name for name in keys if name in SHOWN_FIELDS and name not in ("title", "status", "reason")] == [
        name for name in SHOWN_FIELDS if name not in ("title", "status", "reason")
    ]
    assert set(keys) == {*SHOWN_FIELDS, "name", "path", "line", "hint", "author"}
