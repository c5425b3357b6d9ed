"""A mission's page: its detail with its timeline, its parent, its children and what it waits for, as plain data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from handoff.secrets.excerpts import redacted_line
from missions.errors import BadClaim
from missions.lease import Claim, read_claim
from missions.mission import Mission, Status
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.archive import ARCHIVE_FOLDER, read_mission
from orchestrator.ledger.snapshot import CLAIM_FILE, MAX_CLAIM_BYTES, MISSIONS, LedgerSnapshot
from orchestrator.policy.decision_evidence import open_path
from orchestrator.workflow.mission_detail import MissionDetail
from orchestrator.workflow.mission_view import MissionView
from sync.errors import SyncError
from sync.objects import Commit, find, load_commit
from sync.remote import Oid

MAX_STEPS = 60
"""Commits of a mission's file, and of its claim, that are told: the newest."""
MAX_CHILDREN = 200
"""Of the missions that a file names as proposed, so many are looked up."""
MAX_SAYS = 300
"""Characters of one step's words."""


_PROPOSED = re.compile(rf"^- proposed(?:, and filed before)?: `{MISSIONS}/([a-z0-9-]{{1,80}})\.md`", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class TimelineStep:
    """Something that happened to a mission. `node` is the node, or whoever wrote the commit."""

    when: str
    node: str
    what: str
    says: str


def mission_json(
    ledger: LedgerSnapshot, detail: MissionDetail, queue: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Everything about one mission, as `mission show --json` prints it. `queue` is where it stands in a merge queue."""
    view = detail.view
    return detail.json() | {
        "depends_on": list(view.depends_on),
        "budget_usd": view.budget_usd,
        "children": children(ledger, view.name, detail.text),
        "queue": queue,
        "timeline": [vars(step) for step in timeline(ledger, view)],
    }


def children(ledger: LedgerSnapshot, name: str, text: str) -> list[str]:
    """The missions that an agent proposed while it worked on this one; `text` is its file, which names them."""
    told = set(list(dict.fromkeys(_PROPOSED.findall(text)))[:MAX_CHILDREN])
    finished = {one for one in told if (filed := ledger.archived(one)) and filed.mission.parent == name}
    return sorted(finished | {filed.mission.name for filed in ledger.open.values() if filed.mission.parent == name})


def timeline(ledger: LedgerSnapshot, view: MissionView) -> list[TimelineStep]:
    """What happened to a mission, the oldest first: commits of its file, and those of its claim."""
    steps = [*_claim_steps(ledger, view.name), *_file_steps(ledger, view)]  # the newest first
    steps.reverse()
    steps.sort(key=lambda step: step.when)  # several may be of one second: those stay in their order
    return steps


def _file_steps(ledger: LedgerSnapshot, view: MissionView) -> Iterator[TimelineStep]:
    paths = [view.path]
    if view.path.startswith(f"{ARCHIVE_FOLDER}/"):
        # Where it lay before an older ledger was put in order.
        by_month = f"{ARCHIVE_FOLDER}/{view.finished:%Y-%m}/{view.name}.md" if view.finished else ""
        opened = open_path(ledger, view.name, view.path)
        paths = list(dict.fromkeys(path for path in (opened, view.path, by_month) if path))
    commits: dict[Oid, Commit] = {}
    for path in paths:
        for oid in islice(ledger.store.history(ledger.tip, path), MAX_STEPS):
            commits[oid] = load_commit(ledger.store, oid)
    for commit in commits.values():
        before = _mission_at(ledger, commit.parents[0], paths) if commit.parents else None
        yield _step(commit, before, _mission_at(ledger, commit, paths))


def _mission_at(ledger: LedgerSnapshot, commit: Commit | Oid, paths: list[str]) -> Mission | str | None:
    """The mission as a commit has it; its path where it cannot be read, None where it is not there."""
    try:
        tree = (load_commit(ledger.store, commit) if isinstance(commit, str) else commit).tree
        for path in paths:
            entry = find(ledger.store, tree, path)
            if entry is not None:
                read = read_mission(ledger.store, path, entry.oid)
                return read if isinstance(read, Mission) else path
    except (SyncError, LookupError, ValueError):
        return None
    return None


def _step(commit: Commit, before: Mission | str | None, after: Mission | str | None) -> TimelineStep:
    subject = redacted_line(commit.message.strip().partition("\n")[0], MAX_SAYS)
    what, says, node = "edited", subject, commit.author
    if before is None:
        what = "filed"
    elif after is None:
        what = "deleted"
    elif isinstance(after, str):
        what = "unreadable"
    elif isinstance(before, Mission):
        if after.decided != before.decided and after.decision:
            what, says, node = after.decision, after.comment or subject, after.decided_by or node
        elif after.merged != before.merged and after.merged:
            what, says = "merged", f"as {after.merged[:10]}"
        elif after.attempt != before.attempt or after.status is not before.status:
            what, says, node = after.status.value, _status_words(after) or subject, _who(after, commit)
    return TimelineStep(when=_moment(commit), node=node, what=what, says=redacted_line(says, MAX_SAYS))


def _status_words(mission: Mission) -> str:
    attempt = f"attempt {mission.attempt}" if mission.attempt else ""
    return ": ".join(part for part in (attempt, mission.reason or "") if part)


def _who(mission: Mission, commit: Commit) -> str:
    by_node = mission.status in {Status.REVIEW, Status.DONE, Status.FAILED, Status.DEAD} and mission.node
    return str(mission.node) if by_node else commit.author


def _claim_steps(ledger: LedgerSnapshot, name: str) -> Iterator[TimelineStep]:
    """Who took it, took it over and handed it back, while its claim is there."""
    held = ledger.claims.get(name)
    oid: Oid | None = held.oid if held else None
    for _ in range(MAX_STEPS):
        if oid is None:
            return
        try:
            commit = load_commit(ledger.store, oid)
            entry = find(ledger.store, commit.tree, CLAIM_FILE)
            claim = read_claim(ledger.store.get(entry.oid, MAX_CLAIM_BYTES)) if entry else None
        except (BadClaim, SyncError, LookupError, ValueError):
            return
        if claim is None:
            return
        yield TimelineStep(when=_moment(commit), node=claim.node, what=_claim_word(claim, commit), says=_epoch(claim))
        oid = commit.parents[0] if commit.parents else None


def _claim_word(claim: Claim, commit: Commit) -> str:
    if claim.closed:
        return "handed back"
    return "taken over" if claim.epoch > 1 and commit.parents else "claimed"


def _epoch(claim: Claim) -> str:
    return f"attempt {claim.attempt}" + (f", epoch {claim.epoch}" if claim.epoch != claim.attempt else "")


def _moment(commit: Commit) -> str:
    return format_utc(datetime.fromtimestamp(commit.committed, UTC))
