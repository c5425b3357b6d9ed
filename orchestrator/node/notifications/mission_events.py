"""Which missions ended between two states of the branch, and how is each told?

A function of two trees: whoever compares the same two finds the same notices under the same keys, so a node that was
down tells afterwards what it missed, as it stands by then, and one that compares twice tells nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from missions.archive_path import INDEX_FOLDER
from missions.mission import BY_POLICY, REVIEW, Mission, Status, mission_of_file
from orchestrator.core.time_text import format_duration
from orchestrator.ledger.archive import ARCHIVE_FOLDER, read_mission
from orchestrator.ledger.config.notification import Notification, NotificationKind, key_of
from orchestrator.ledger.snapshot import MISSIONS
from orchestrator.node.notifications.safe_text import MAX_SENTENCE_CHARS, plain_text, quoted_text
from sync.objects import EXECUTABLE, FILE, FOLDER, TreeEntry, find, folder_entries
from sync.remote import ObjectStore, Oid

KIND_BY_STATUS = {
    Status.DONE: NotificationKind.DONE,
    Status.FAILED: NotificationKind.FAILED,
    Status.DEAD: NotificationKind.DEAD,
    Status.REVIEW: NotificationKind.REVIEW,
    Status.PARKED: NotificationKind.PARKED,
}
"""The states that are told when an attempt led to them."""

PAUSED_PREFIX = "paused by "
"""What the reason begins with where a person let a mission rest."""


@dataclass(frozen=True, kw_only=True)
class MissionState:
    """A mission in one of the two states."""

    mission: Mission
    archived: bool = False


@dataclass
class TreeComparison:
    """Compares states of one store. Of folders that are the same nothing is read."""

    store: ObjectStore

    def notices(self, before: Oid, after: Oid) -> Iterator[Notification]:
        """What is worth telling of what happened between two trees, by mission. Raises ObjectMissing."""
        was: dict[str, tuple[str, Oid]] = {}
        now: dict[str, tuple[str, Oid]] = {}
        folders = [find(self.store, tree, MISSIONS) for tree in (before, after)]
        changed = _changed(self.store, folders[0], folders[1], MISSIONS)
        for path, old, new in sorted(changed, key=_open_and_newest_first):
            for found, oid in ((was, old), (now, new)):
                if oid is not None:
                    found.setdefault(mission_of_file(path.rpartition("/")[2]), (path, oid))
        for name in sorted(now.keys()):
            if not _only_moved(was.get(name), now[name]):
                notice = notification_for(self._mission(was.get(name)), self._mission(now[name]))
                if notice is not None:
                    yield notice

    def _mission(self, place: tuple[str, Oid] | None) -> MissionState | None:
        if place is None:
            return None
        read = read_mission(self.store, *place)
        return (
            MissionState(mission=read, archived=place[0].startswith(ARCHIVE_FOLDER))
            if isinstance(read, Mission)
            else None
        )


Change = tuple[str, Oid | None, Oid | None]
"""A mission's path, and its blob before and after."""


def _changed(store: ObjectStore, old: TreeEntry | None, new: TreeEntry | None, under: str) -> Iterator[Change]:
    if old == new:
        return
    before, after = folder_entries(store, old), folder_entries(store, new)
    for name in before.keys() | after.keys():
        was, now, path = before.get(name), after.get(name), f"{under}/{name}"
        inner = path == ARCHIVE_FOLDER or (under.startswith(ARCHIVE_FOLDER) and path != INDEX_FOLDER)
        if inner and any(entry and entry.mode == FOLDER for entry in (was, now)):
            yield from _changed(store, was, now, path)
        blobs = [entry.oid if entry and entry.mode in (FILE, EXECUTABLE) else None for entry in (was, now)]
        if blobs[0] != blobs[1] and mission_of_file(name):
            yield path, blobs[0], blobs[1]


def _open_and_newest_first(change: Change) -> tuple[bool, tuple[int, ...]]:
    """Open missions before archived ones, and of those the last day first."""
    path = change[0]
    return path.startswith(ARCHIVE_FOLDER), tuple(-ord(char) for char in path.replace("-", "/"))


def _only_moved(before: tuple[str, Oid] | None, after: tuple[str, Oid]) -> bool:
    """Whether nothing happened but that the archive put a file elsewhere."""
    return before is not None and before[1] == after[1] and before[0].startswith(f"{ARCHIVE_FOLDER}/")


def notification_for(before: MissionState | None, after: MissionState | None) -> Notification | None:
    """What to tell of a mission that changed; None where it did not end, or ended in what nobody waits for.

    A person's own word (done, paused, approved, cancelled, retried) is not told back to them.
    """
    if after is None or after.mission.status not in KIND_BY_STATUS:
        return None
    mission, kind = after.mission, _notification_kind(after.mission)
    fresh = mission.epoch > (before.mission.epoch if before else 0)
    again = before is not None and not fresh and _is_news_again(before, after)
    if (
        not (fresh or again)
        or (kind is NotificationKind.DONE and not after.archived)
        or (mission.reason or "").startswith(PAUSED_PREFIX)
    ):
        return None
    title, body = _title_and_body(kind, mission)
    # the same attempt may come back to a person more than once, each time for another reason or after another word
    since = (mission.reason, before.mission.decided) if before and again and kind is NotificationKind.REVIEW else ()
    key = key_of(mission.name, mission.epoch, kind.value, *(str(part) for part in since))
    return Notification(key=key, kind=kind, title=title, body=body, path=f"/missions/{mission.name}")


def _notification_kind(mission: Mission) -> NotificationKind:
    kind = KIND_BY_STATUS[mission.status]
    if kind is NotificationKind.PARKED and (mission.reason or "").lower().startswith("budget"):
        return NotificationKind.BUDGET
    return (
        NotificationKind.LOG_REVIEW
        if mission.task == REVIEW and kind in {NotificationKind.FAILED, NotificationKind.DEAD}
        else kind
    )


def _is_news_again(before: MissionState, after: MissionState) -> bool:
    """Whether a result is news although its attempt ended before: policy let it pass and now it is where it belongs,
    or what was approved could not be carried out."""
    was, now = before.mission, after.mission
    passed = now.decided_by == BY_POLICY and was.status is Status.DONE and after.archived and not before.archived
    back = now.status is Status.REVIEW and was.status in {Status.DONE, Status.REVIEW} and bool(now.reason)
    return passed or (back and now.reason != was.reason)


def _title_and_body(kind: NotificationKind, mission: Mission) -> tuple[str, str]:
    """The title, and one sentence as a colleague would write it."""
    what, who = quoted_text(mission.title), plain_text(mission.node or "a node", 80)
    where = f" for {plain_text(mission.about, 80)}" if mission.about else ""
    merged = ", and it is merged" if mission.merged else ""
    why = f": {plain_text(mission.reason, MAX_SENTENCE_CHARS)}" if mission.reason else ""
    attempts = f"{mission.attempt} attempt{'s' * (mission.attempt != 1)}"
    again = f"; it is tried again at {mission.retry_at:%H:%M} UTC" if mission.retry_at else ""
    told = {
        NotificationKind.DONE: ("is done", f"{who} finished {what}{where}{_format_effort(mission)}{merged}."),
        NotificationKind.REVIEW: (
            "waits for you",
            f"{who} finished {what}{where}{_format_effort(mission)}; it waits for your word{why}.",
        ),
        NotificationKind.FAILED: ("failed", f"attempt {mission.attempt} at {what}{where} failed on {who}{again}."),
        NotificationKind.DEAD: ("gave up", f"{who} gave up on {what}{where} after {attempts}; it waits for you{why}."),
        NotificationKind.PARKED: ("is parked", f"{what}{where} is parked on {who} and waits for you{why}."),
        NotificationKind.BUDGET: ("reached its budget", f"{what}{where} was stopped on {who} and waits for you{why}."),
        NotificationKind.LOG_REVIEW: ("failed", f"the review of the log failed on {who} after {attempts}{again}{why}."),
    }
    ending, sentence = told[kind]
    return f"{plain_text(mission.title)} {ending}", sentence[0].upper() + sentence[1:]


def _format_effort(mission: Mission) -> str:
    took = ""
    if mission.started and mission.finished and mission.finished > mission.started:
        took = f" in {format_duration((mission.finished - mission.started).total_seconds())}"
    return took + (f" for ${mission.cost_usd:,.2f}" if mission.cost_usd is not None else "")
