"""How does a mission look to a person: its file, its claim, its trust and its wait as one row?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from missions.archive_path import ARCHIVE_FOLDER
from missions.declared.plain_values import assembled
from missions.errors import BadName
from missions.fields import SHOWN_FIELDS
from missions.lease import QUESTION_REASON
from missions.lifecycle import event_of, next_status
from missions.mission import AGENT_SEPARATOR, CODING_TASK, FINISHED, Mission, Quarantined, Status, slug
from missions.selection import blocked_reason
from orchestrator.ledger.node_pages import SeenNodes, no_nodes, no_room_reason
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot, MissionFile
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.assignment.unserved import UnservedMissions

if TYPE_CHECKING:
    from orchestrator.workflow.merge_queue.queue_places import QueuePlaces

_FIRST = ("name", "title", "status", "path", "reason", "line", "hint")
_LAST = ("author",)
_ENDED = FINISHED | {Status.DEAD}
"""What a file in the archive may say of how its mission ended."""
ARCHIVED_HINT = "it has ended, and nothing runs; mend the file and push, and it is shown again"


@dataclass(frozen=True, kw_only=True)
class MissionView(Mission):
    """A mission as people see it: its file, its claim and its trust in one.

    `project` and `agent` are what it is about and who works on it; `reason` says why it is quarantined, untrusted or
    waiting, and is empty when there is nothing to explain.
    """

    body: str = ""
    path: str
    line: int | None = None
    hint: str = ""
    author: str = ""

    def json(self) -> dict[str, Any]:
        """Plain data, times as ISO UTC text."""
        names = dict.fromkeys([*_FIRST, *SHOWN_FIELDS, *_LAST])
        return {name: _plain(name, getattr(self, name)) for name in names}


def _plain(name: str, value: Any) -> Any:
    if value is None and name in SHOWN_FIELDS:
        return SHOWN_FIELDS[name].empty
    return value.isoformat() if isinstance(value, datetime) else value


def mission_views(
    ledger: LedgerSnapshot,
    trust: Trust,
    now: datetime,
    *,
    archived: bool,
    statuses: Collection[str] = (),
    limit: int = 0,
    nodes: SeenNodes = no_nodes,
) -> Iterator[MissionView]:
    """Every mission that needs somebody: open, running, quarantined; with `archived` the finished ones, too. `nodes` is
    asked, where something waits in a merge queue, how the nodes look from here."""
    no_room, unserved, places = (
        no_room_reason(ledger),
        UnservedMissions(ledger),
        _queue_words(ledger, trust, now, nodes),
    )
    for filed in ledger.open.values():
        yield open_mission_view(ledger, trust, filed, now, no_room, unserved, places)
    for bad in ledger.quarantined:
        yield broken_view(bad, ledger.claims.get(bad.name))
    for name, held in ledger.claims.items():
        if not _has_file(ledger, name):
            yield orphan_view(held)
    told = _as_files_say(statuses)
    for found in ledger.every_archived(statuses=told, limit=limit) if archived and (told or not statuses) else ():
        yield archived_view(found.mission if isinstance(found, MissionFile) else found, found.path)


def _as_files_say(statuses: Collection[str]) -> Collection[str]:
    """What files of the archive say that are shown in one of these states; nothing of what none is shown in."""
    shown = _ENDED.intersection(statuses)
    return shown | (set(Status) - _ENDED if Status.QUARANTINED in statuses else set())


def find_view(
    ledger: LedgerSnapshot, trust: Trust, name: str, now: datetime, nodes: SeenNodes = no_nodes
) -> MissionView | None:
    """One mission by its name, wherever it is."""
    filed = ledger.open.get(name)
    if filed is not None:
        no_room, unserved = no_room_reason(ledger), UnservedMissions(ledger)
        places = _queue_words(ledger, trust, now, nodes)
        return open_mission_view(ledger, trust, filed, now, no_room, unserved, places)
    bad = next((b for b in ledger.quarantined if name in {b.name, _stem_slug(b.path)}), None)
    if bad is not None:
        return broken_view(bad, ledger.claims.get(name))
    done = ledger.archive.mission(name)
    if done is not None:
        path, _, found = done
        return archived_view(found, path)
    return orphan_view(ledger.claims[name]) if name in ledger.claims else None


def open_mission_view(
    ledger: LedgerSnapshot,
    trust: Trust,
    filed: MissionFile,
    now: datetime,
    no_room: str,
    unserved: UnservedMissions,
    places: Callable[[Mission], str],
) -> MissionView:
    """An open mission. `no_room` is why no node takes anything on, in words; `unserved` why none can do this one;
    `places` where it stands in a merge queue."""
    mission = filed.mission
    view, held = partial(file_view, mission, filed.path), ledger.claims.get(mission.name)
    if held is not None:
        return _claimed_view(view(), mission, held)
    if mission.name in ledger.unreadable_claims:
        return view(reason=f"its claim cannot be read: {ledger.unreadable_claims[mission.name]}")
    word = trust.authorize(ledger, filed)
    if mission.status not in {Status.QUEUED, Status.FAILED}:
        return view(author=word.who, reason=_open_reason(ledger, filed, places), hint=_next_step(mission))
    if not word.trusted:
        hint = f"read it, then `shiftbook mission trust {mission.name}`"
        return view(author=word.who, status=Status.UNTRUSTED, reason=word.why, hint=hint)
    finished = ledger.finished(mission.depends_on)
    known = {*ledger.open, *(b.name for b in ledger.quarantined), *finished} if mission.depends_on else set()
    why = blocked_reason(mission, finished, known, now) or _project_reason(ledger, mission)
    why = why or unserved.reason(mission) or no_room or unserved.resting_reason(mission, now) or _copied_note(filed)
    failed = _failure(ledger, filed) if mission.status is Status.FAILED else ""
    return view(author=word.who, reason="; ".join(part for part in (failed, why) if part))


def _copied_note(filed: MissionFile) -> str:
    """That nodes' fields in a new file are not believed, in words."""
    if not filed.copied:
        return ""
    return f"no node has said {', '.join(filed.copied)} of this mission: it starts anew, whatever its file says"


def _project_reason(ledger: LedgerSnapshot, mission: Mission) -> str:
    if mission.project or mission.task != CODING_TASK:
        return ""
    from orchestrator.workflow.assignment.assign import missing_project_reason

    return missing_project_reason(ledger, mission)


def _queue_words(ledger: LedgerSnapshot, trust: Trust, now: datetime, nodes: SeenNodes) -> Callable[[Mission], str]:
    """What tells where a mission stands in a merge queue; most lists have none that does."""

    @cache
    def places() -> QueuePlaces:
        from orchestrator.workflow.merge_queue.queue_places import QueuePlaces

        return QueuePlaces(ledger=ledger, trust=trust, now=now, nodes=nodes)

    return lambda mission: places().says(mission)


def _open_reason(ledger: LedgerSnapshot, filed: MissionFile, places: Callable[[Mission], str]) -> str:
    """Why a mission that is no longer in the queue is still open."""
    from orchestrator.policy.verdict import PARTICIPLES, pending_delivery, waits_in_queue

    mission = filed.mission
    how = pending_delivery(ledger.charter, mission)
    if how == "pull_request":
        part = ledger.charter.projects.get(mission.about or "")
        return mission.reason or _pull_reason(mission, by_git=part is not None and part.forge_by == "git")
    if waits_in_queue(ledger.charter, mission):
        return f"approved by {mission.decided_by or 'hand'}; {places(mission)}"
    if how:
        return f"approved by {mission.decided_by or 'hand'}; its branch has still to be {PARTICIPLES[how]}"
    return mission.reason or (_failure(ledger, filed) if mission.status is Status.DEAD else "")


def _pull_reason(mission: Mission, *, by_git: bool) -> str:
    """Where a pull request stands; headquarters alone speaks to forges."""
    by = mission.decided_by or "hand"
    if mission.pull_request and mission.pull_state == "open" and by_git:
        kept = "what people and CI say there does not come back; closed there, cancel it here"
        return f"approved by {by}; its pull request was pushed: {mission.pull_request} ({kept})"
    if mission.pull_request and mission.pull_state == "open":
        return f"approved by {by}; its pull request is open: {mission.pull_request}"
    newest = f"the newest attempt has still to come to {mission.pull_request}" if mission.pull_request else ""
    return f"approved by {by}; {newest or 'its pull request has still to be opened by headquarters'}"


def _failure(ledger: LedgerSnapshot, filed: MissionFile) -> str:
    """Why the last attempt failed, by its section in the file."""
    from missions.result_section import attempt_sections, failure_line  # most lists have nothing that failed

    sections = attempt_sections(ledger.text(filed.path))
    return failure_line(sections[0]) if sections else ""


def _next_step(mission: Mission) -> str:
    """What the person who is waited for does next; "" where nobody is."""
    look = f"`shiftbook mission {'diff' if mission.commit else 'show'} {mission.name}`"
    if mission.status is Status.PARKED and (mission.reason or "").startswith(QUESTION_REASON):
        return f"`shiftbook mission say {mission.name} ANSWER`: it goes on with that; or cancel"
    return {
        Status.REVIEW: f"{look}, then approve or reject -m",
        Status.DEAD: f"{look.replace(' diff ', ' show ')} says more; then retry or cancel",
        Status.PARKED: f"`shiftbook mission resume {mission.name}`, or cancel",
    }.get(mission.status, "")


def _has_file(ledger: LedgerSnapshot, name: str) -> bool:
    broken_names = {bad.name for bad in ledger.quarantined}
    return name in ledger.open or name in broken_names or ledger.archived(name) is not None


def file_view(mission: Mission, path: str, **told: Any) -> MissionView:
    """What the file alone says, and in some fields what is `told` of it."""
    agent = mission.worker if mission.chosen_agent else AGENT_SEPARATOR.join(mission.agent_order) or mission.worker
    meant = {"body": "", "project": mission.about, "agent": agent, "path": path}
    return assembled(MissionView, vars(mission) | meant | told)


def archived_view(found: Mission | Quarantined, path: str) -> MissionView:
    """A file of the archive. One that does not say that its mission ended waits for no node: nothing there runs."""
    if isinstance(found, Quarantined):
        return broken_view(found, None)
    if found.status in _ENDED:
        return file_view(found, path)
    why = f"it lies in the archive, and its file does not say how it ended (status: {found.status})"
    return file_view(found, path, status=Status.QUARANTINED, reason=why, hint=ARCHIVED_HINT)


def _claimed_view(view: MissionView, mission: Mission, held: HeldClaim) -> MissionView:
    claim = held.claim
    ended = next_status(Status.RUNNING, event_of(mission, claim)) if claim.closed else None
    reason = f"handed back as {ended}; not yet written into the branch" if ended else _stop_notice(mission)
    return replace(
        view, status=Status.RUNNING, node=claim.node, attempt=claim.attempt, epoch=claim.epoch, reason=reason
    )


def _stop_notice(mission: Mission) -> str:
    """What a person has said meanwhile to the node that works on it."""
    said = {Status.PARKED: "paused", Status.CANCELLED: "called off"}.get(mission.status)
    return f"{said}; the node is told to stop" if said else ""


def broken_view(bad: Quarantined, held: HeldClaim | None) -> MissionView:
    """A file that cannot be read as a mission."""
    view = MissionView(
        name=bad.name,
        title=bad.path.rsplit("/", 1)[-1],
        status=Status.QUARANTINED,
        path=bad.path,
        reason=bad.reason,
        line=bad.line,
        hint=ARCHIVED_HINT if bad.path.startswith(f"{ARCHIVE_FOLDER}/") else bad.hint,
        task="",
        agent="",
    )
    return replace(view, node=held.claim.node, attempt=held.claim.attempt) if held else view


def orphan_view(held: HeldClaim) -> MissionView:
    """A claim whose file was deleted."""
    claim = held.claim
    return MissionView(
        name=claim.mission,
        title=claim.mission,
        status=Status.RUNNING,
        path="",
        reason="its file was deleted; the node is told to stop",
        node=claim.node,
        attempt=claim.attempt,
        epoch=claim.epoch,
        task="",
        agent="",
    )


def _stem_slug(path: str) -> str:
    stem = path.rsplit("/", 1)[-1].rpartition(".")[0]
    try:
        return slug(stem)
    except BadName:
        return stem
