"""Which missions ended between two states of the branch, and how is each told?

A function of two trees: whoever compares the same two finds the same notices under the same keys, so a node that was
down tells afterwards what it missed, as it stands by then, and one that compares twice tells nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from missions.mission import BY_POLICY, REVIEW, Mission, Status
from orchestrator.core.time_text import format_duration
from orchestrator.ledger.archive import ARCHIVE_FOLDER, read_mission
from orchestrator.ledger.config.notification import Notification, NotificationKind, key_of
from orchestrator.ledger.snapshot import MISSIONS
from orchestrator.node.notifications.safe_text import MAX_SENTENCE_CHARS, plain_text, quoted_text
from sync.objects import EXECUTABLE, FILE, FOLDER, find, folder_entries, load_tree
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

MissionBlobs = Mapping[str, tuple[str, Oid]]
"""Missions by name: where the file is, and its blob."""


@dataclass(frozen=True, kw_only=True)
class MissionState:
    """A mission in one of the two states."""

    mission: Mission
    archived: bool = False


@dataclass
class TreeComparison:
    """Compares states of one store. Keeps the folders that it read last: most have not changed the next time."""

    store: ObjectStore
    _folders: dict[Oid, dict[str, Oid]] = field(default_factory=dict)

    def notices(self, before: Oid, after: Oid) -> Iterator[Notification]:
        """What is worth telling of what happened between two trees, by mission. Raises ObjectMissing."""
        old, new = self._months(before), self._months(after)
        changed = {month for month in old.keys() | new.keys() if old.get(month) != new.get(month)}
        was, now = self._blobs(old, changed), self._blobs(new, changed)
        self._folders = {oid: self._folders[oid] for oid in new.values() if oid in self._folders}
        for name in sorted(now.keys()):
            if was.get(name) != now[name]:
                notice = notification_for(self._mission(was.get(name)), self._mission(now[name]))
                if notice is not None:
                    yield notice

    def _months(self, tree: Oid) -> dict[str, Oid]:
        """The folders that hold missions."""
        entry, archive = find(self.store, tree, MISSIONS), find(self.store, tree, ARCHIVE_FOLDER)
        found = {MISSIONS: entry.oid} if entry and entry.mode == FOLDER else {}
        if archive and archive.mode == FOLDER:
            months = folder_entries(self.store, archive).items()
            found |= {f"{ARCHIVE_FOLDER}/{month}": each.oid for month, each in months if each.mode == FOLDER}
        return found

    def _blobs(self, months: Mapping[str, Oid], changed: set[str]) -> MissionBlobs:
        """The missions of the folders that changed; what is open goes before what is archived."""
        folders = [path for path in sorted(months, reverse=True) if path in changed]
        folders.sort(key=lambda path: path != MISSIONS)
        blobs: dict[str, tuple[str, Oid]] = {}
        for path in folders:
            for name, oid in self._folder(months[path]).items():
                blobs.setdefault(name, (f"{path}/{name}.md", oid))
        return blobs

    def _folder(self, oid: Oid) -> dict[str, Oid]:
        if oid not in self._folders:
            entries = load_tree(self.store, oid).items()
            files = ((name, entry) for name, entry in entries if entry.mode in (FILE, EXECUTABLE))
            self._folders[oid] = {name.removesuffix(".md"): each.oid for name, each in files if name.endswith(".md")}
        return self._folders[oid]

    def _mission(self, place: tuple[str, Oid] | None) -> MissionState | None:
        if place is None:
            return None
        read = read_mission(self.store, *place)
        return (
            MissionState(mission=read, archived=place[0].startswith(ARCHIVE_FOLDER))
            if isinstance(read, Mission)
            else None
        )


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
