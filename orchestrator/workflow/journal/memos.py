"""Which memos are there, what do they teach, and how does a lesson become known to the whole fleet?

Nothing is kept beside the ledger: lessons are worked out from the memos and from the files in `knowledge/` each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from handoff.errors import HandoffError
from handoff.knowledge import (
    FOLDER,
    Knowledge,
    LessonMention,
    LessonState,
    parse_knowledge,
    render_knowledge,
    with_lessons,
)
from handoff.marks.model_mark import split_mark
from handoff.memo import Memo, parse_memo, told_creation
from handoff.promotion import Lesson, apply_decision, lessons, update_knowledge
from handoff.secrets.redact import redact
from handoff.tiers import Tier, path_of
from missions.archive_path import MEMO_FOLDER, dated_path
from missions.mission import Status
from missions.one_line import shorten
from orchestrator.core.errors import NotFound, Refused
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.confirmed_text import as_counted, demands_signatures, is_unsigned_lesson
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from sync.objects import EXECUTABLE, FILE, TreeEntry, find, folder_entries, load_tree
from sync.objects import FOLDER as TREE
from sync.remote import ObjectStore, Oid

if TYPE_CHECKING:  # what writes is loaded when something is written: to list memos takes none of it
    from orchestrator.ledger.publish import LedgerChange

MAX_MEMO_BYTES = 256 * 1024
"""Bytes of a memo or a lesson that is read; a larger one is told as unreadable."""

READ_AT_ONCE = 500
"""Files that are asked for together."""

PORTFOLIO_PATH = path_of(Tier.PORTFOLIO)


@dataclass(frozen=True, kw_only=True)
class MemoFile:
    """A memo with its file and its project."""

    memo: Memo
    path: str
    project: str
    accepted: bool = False
    """Whether its mission ended with a result that counts."""


@dataclass(frozen=True, kw_only=True)
class LessonCatalog:
    """Everything that has been learned: lessons with their standing, what is on file, and files nobody can read."""

    lessons: tuple[Lesson, ...]
    known: tuple[Knowledge, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Memos:
    """The memos of one ledger. `ledger` gives the newest state."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    ledger: Callable[[], LedgerSnapshot]

    def every(self, project: str | None = None) -> list[MemoFile]:
        """All memos that can be read, the newest first."""
        return list(self.newest(project))

    def newest(self, project: str | None = None) -> Iterator[MemoFile]:
        """The same one after another: only the days, and of those the memos, that somebody wants to see are read."""
        ledger = self.ledger()
        for _, folder, path in _memo_folders(ledger):
            files = sorted(_walk_markdown(ledger.store, folder, path), key=_creation, reverse=True)
            for file in files:
                yield from (one for one in _parse_memos(ledger, [file])[0] if project in (None, one.project))

    def teaching(self) -> LessonCatalog:
        """What the fleet has learned."""
        return read_lessons(self.ledger())

    def find(self, name: str) -> MemoFile | Lesson:
        """A memo by its id, or a lesson by its name, or the one memo whose id begins so. Raises NotFound."""
        ledger = self.ledger()
        if (one := _memo_of_mission(ledger, name)) is not None:
            return one
        begin_so = [one for one in _read_memos(ledger)[0] if name and one.memo.memo_id.startswith(name)]
        memo = next((one for one in begin_so if one.memo.memo_id == name), None)
        found = memo or _find_lesson(read_lessons(ledger), name) or (begin_so[0] if len(begin_so) == 1 else None)
        if found is None:
            raise NotFound(
                f"no memo and no lesson is called {name!r}: see `shiftbook memo list` and `memo list --lessons`"
            )
        return found

    def settle(self) -> list[str]:
        """Makes known what is due, and contests what is contradicted, by the fleet's rule. Returns what it did."""
        from orchestrator.ledger.publish import commit_change

        done: list[str] = []

        def draft(ledger: LedgerSnapshot) -> LedgerChange | None:
            taught = read_lessons(ledger)
            changes = update_knowledge(taught.lessons, taught.known, now=format_utc(self.bus.now()))
            done[:] = _describe_changes(changes, taught.known)
            return _lesson_change(ledger, taught.known, changes, "Lessons: " + ("; ".join(done) or "more evidence"))

        commit_change(self.bus, self.reader, draft)
        return done

    def decide(self, name: str, *, keep: bool, why: str = "") -> list[str]:
        """A person's word on a lesson, or on all lessons of a memo. Raises NotFound and Refused."""
        from orchestrator.ledger.publish import commit_change

        done: list[str] = []

        def draft(ledger: LedgerSnapshot) -> LedgerChange | None:
            person = self._person(ledger)
            taught = read_lessons(ledger)
            known = {one.slug: one for one in taught.known}
            for lesson in _lessons_named(taught, name):
                args = {"by": person, "now": format_utc(self.bus.now()), "keep": keep, "why": redact(why).text}
                new = apply_decision(lesson, taught.lessons, list(known.values()), **args)  # type: ignore[arg-type]
                known |= {one.slug: one for one in new}
            changes = [one for slug, one in known.items() if one not in taught.known]
            done[:] = _describe_changes(changes, taught.known)
            return _lesson_change(ledger, taught.known, changes, f"Lessons: {'; '.join(done)}")

        commit_change(self.bus, self.reader, draft)
        return done

    def _person(self, ledger: LedgerSnapshot) -> str:
        if person := self.trust.person(ledger, self.bus.key, self.bus.name):
            return person
        raise Refused("only who may file missions decides what the fleet knows (role=author in allowed_signers)")


def _read_memos(ledger: LedgerSnapshot, *, teaching: bool = False) -> tuple[list[MemoFile], list[str]]:
    """Every memo, or those with lessons; and the paths of those that cannot be read, with the reason."""
    return _parse_memos(ledger, _markdown_files(ledger, MEMO_FOLDER), teaching=teaching)


def _parse_memos(
    ledger: LedgerSnapshot, files: Iterable[tuple[str, str]], *, teaching: bool = False
) -> tuple[list[MemoFile], list[str]]:
    found, bad = [], []
    for path, text in files:
        try:
            memo = parse_memo(as_counted(ledger, path, text))
        except HandoffError as error:
            bad.append(f"{path}: {error}")
            continue
        if teaching and not memo.lessons_learned:
            continue
        filed = ledger.open.get(memo.mission) or (ledger.archived(memo.mission) if memo.mission else None)
        project, accepted = (filed.mission.project or "", filed.mission.status is Status.DONE) if filed else ("", False)
        found.append(MemoFile(memo=memo, path=path, project=project, accepted=accepted))
    return found, bad


def _creation(file: tuple[str, str]) -> tuple[str, str]:
    """What a memo's file is sorted by: when it was made, and its id."""
    told = told_creation(file[1])
    if told is not None:
        return told
    try:
        memo = parse_memo(file[1])
    except HandoffError:
        return "", ""
    return memo.created, memo.memo_id


def memo_count(ledger: LedgerSnapshot) -> int:
    """How many memos there are, without reading one."""
    return _count_files(ledger.store, find(ledger.store, ledger.tree, MEMO_FOLDER))


def _count_files(store: ObjectStore, folder: TreeEntry | None) -> int:
    entries = folder_entries(store, folder).values()
    return sum(_count_files(store, entry) if entry.mode == TREE else 1 for entry in entries)


def _memo_folders(ledger: LedgerSnapshot) -> list[tuple[str, Oid, str]]:
    """The folders that hold memos with when that was (`2026/11/29`, in older ledgers `2026/11`), the newest first."""
    found: list[tuple[str, Oid, str]] = []

    def walk(entry: TreeEntry | None, when: str) -> None:
        for name, inner in folder_entries(ledger.store, entry).items():
            if inner.mode == TREE and (when.count("/") == 1 or not name.isdecimal()):
                label = f"{when}/{name}".strip("/")
                found.append((label.replace("-", "/"), inner.oid, f"{MEMO_FOLDER}/{label}"))
            elif inner.mode == TREE:
                walk(inner, f"{when}/{name}".strip("/"))

    walk(find(ledger.store, ledger.tree, MEMO_FOLDER), "")
    return sorted(found, reverse=True)


def _memo_of_mission(ledger: LedgerSnapshot, memo_id: str) -> MemoFile | None:
    """The memo of this very id, where its mission's file tells the day."""
    mission = memo_id.rpartition("-")[0]
    filed = ledger.archived(mission) if mission else None
    if filed is None or filed.mission.finished is None:
        return None
    path = dated_path(MEMO_FOLDER, f"{filed.mission.finished:%Y/%m/%d}", memo_id)
    text = ledger.text(path)
    found = _parse_memos(ledger, [(path, text)])[0] if text else []
    return found[0] if found and found[0].memo.memo_id == memo_id else None


def read_lessons(ledger: LedgerSnapshot) -> LessonCatalog:
    """What the memos and the lessons on file say, and which of them cannot be read."""
    memos, bad = _read_memos(ledger, teaching=True)
    known = []
    for path, text in _markdown_files(ledger, FOLDER):
        try:
            lesson = parse_knowledge(path.rpartition("/")[2].removesuffix(".md"), text)
            decides = bool(lesson.by) and lesson.mark is not None and demands_signatures(ledger)
            known.append(replace(lesson, unsigned=decides and is_unsigned_lesson(ledger, path, text)))
        except HandoffError as error:
            bad.append(f"{path}: {error}")
    bars = ledger.charter.handoff
    mentions = [mention for one in memos for mention in _lesson_mentions(one)]
    found = lessons(mentions, known, missions=bars.promote_missions, projects=bars.promote_projects)
    return LessonCatalog(lessons=tuple(found), known=tuple(known), unreadable=tuple(bad))


def _lesson_mentions(filed: MemoFile) -> Iterator[LessonMention]:
    """A memo's lessons. What it quotes is somebody else's words and teaches nothing."""
    memo = filed.memo
    for text in memo.lessons_learned:
        if text.startswith(">"):
            continue
        words, mark = split_mark(text)
        yield LessonMention(
            text=redact(words).text,
            memo_id=memo.memo_id,
            mission=memo.mission,
            project=filed.project,
            when=memo.created,
            marked=memo.promotion_candidate,
            proposed=mark is not None and not mark.confirmed,
            passed=memo.passed and filed.accepted,
        )


def _markdown_files(ledger: LedgerSnapshot, folder: str) -> Iterator[tuple[str, str]]:
    """Markdown files in a folder and the folders in it, by path."""
    entry = find(ledger.store, ledger.tree, folder)
    if entry is not None and entry.mode == TREE:
        yield from _walk_markdown(ledger.store, entry.oid, folder)


def _walk_markdown(store: ObjectStore, tree: Oid, folder: str) -> Iterator[tuple[str, str]]:
    """The same in one tree: many are asked for at a time, because waiting for each costs more than reading it."""
    listed = _listed_markdown(store, tree, folder)
    while together := list(islice(listed, READ_AT_ONCE)):
        store.warm(oid for _, oid in together)
        for path, oid in together:
            data = store.get(oid, MAX_MEMO_BYTES) if store.size(oid) <= MAX_MEMO_BYTES else b""
            yield path, data.decode("utf-8", "replace")


def _listed_markdown(store: ObjectStore, tree: Oid, folder: str) -> Iterator[tuple[str, Oid]]:
    entries = sorted(load_tree(store, tree).items())
    store.warm(inner.oid for _, inner in entries if inner.mode == TREE)
    for name, inner in entries:
        if inner.mode == TREE:
            yield from _listed_markdown(store, inner.oid, f"{folder}/{name}")
        elif name.endswith(".md") and name.lower() != "readme.md" and inner.mode in (FILE, EXECUTABLE):
            yield f"{folder}/{name}", inner.oid


def _find_lesson(taught: LessonCatalog, name: str) -> Lesson | None:
    return next((one for one in taught.lessons if one.slug == name.removesuffix(".md")), None)


def _lessons_named(taught: LessonCatalog, name: str) -> list[Lesson]:
    """The lesson of that name, or all those that the memo of that id teaches."""
    named = _find_lesson(taught, name)
    found = [named] if named else [one for one in taught.lessons if name in {m.memo_id for m in one.mentions}]
    if not found:
        raise NotFound(
            f"no lesson is called {name!r}, and no memo of that id has one: see `shiftbook memo list --lessons`"
        )
    return found


def _describe_changes(changes: Sequence[Knowledge], before: Sequence[Knowledge]) -> list[str]:
    """What changed in the standing of lessons; new evidence alone is not told."""
    was = {one.slug: one.state for one in before}
    verbs = {LessonState.KNOWN: "known to all", LessonState.CONTESTED: "contested", LessonState.REJECTED: "rejected"}
    return [f"“{one.lesson}” is {verbs[one.state]}" for one in changes if was.get(one.slug) is not one.state]


def _lesson_change(
    ledger: LedgerSnapshot, known: Sequence[Knowledge], changes: Sequence[Knowledge], message: str
) -> LedgerChange | None:
    if not changes:
        return None
    from orchestrator.ledger.publish import LedgerChange

    changes = [_redacted(one) for one in changes]
    after = {one.slug: one for one in known} | {one.slug: one for one in changes}
    page = with_lessons(ledger.text(PORTFOLIO_PATH), sorted(after.values(), key=lambda one: one.slug))
    files: dict[str, bytes | None] = {one.path: redact(render_knowledge(one)).text.encode() for one in changes}
    if page != ledger.text(PORTFOLIO_PATH):
        files[PORTFOLIO_PATH] = page.encode()
    first, *rest = message.split("; ")
    subject = shorten(first, 90)
    return LedgerChange(files=files, message="\n\n".join([subject, "\n".join(rest)]) if rest else subject)


def _redacted(one: Knowledge) -> Knowledge:
    return replace(one, lesson=redact(one.lesson).text)
