"""What does the ledger itself answer to a question about missions, nodes, money, or what happened?"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from handoff.answers.citable import CitableLine
from handoff.answers.extraction import shown_lines
from handoff.entry import Entry
from handoff.secrets.excerpts import redacted_line
from missions.mission import FINISHED, Status
from orchestrator.core.ports.usage import Spend
from orchestrator.core.time_text import format_utc
from orchestrator.ledger import session_logs
from orchestrator.ledger.node_pages import LastSeenStore, Presence, announced_nodes, list_presences
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.authorization import Trust
from orchestrator.workflow import mission_view
from orchestrator.workflow.answers.question import KnownNames, LedgerQuestion, Topic, understand
from orchestrator.workflow.mission_view import MissionView
from orchestrator.workflow.spending.page_table import MAX_DAYS
from orchestrator.workflow.spending.report import read_spending
from orchestrator.workflow.spending.totals import sum_totals

MAX_ROWS = 20
"""Missions or entries that one answer lists."""
MAX_FINISHED = 200
"""Finished missions, the newest, that are looked through."""
MAX_TEXT = 160
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class LedgerAnswer:
    """One sentence, and the rows that it is counted from, each with the file or the entry that says so."""

    says: str
    lines: tuple[CitableLine, ...] = ()

    @property
    def text(self) -> str:
        """As a person reads it."""
        return f"{self.says}\n{shown_lines(self.lines)}".strip()


@dataclass(kw_only=True)
class LedgerRecords:
    """Answers from one ledger, to any number of threads. `sightings` tell when this machine saw each node move."""

    now: Callable[[], datetime]
    sightings: LastSeenStore | None = None
    _trust: Trust | None = None
    _judging: threading.Lock = field(default_factory=threading.Lock)
    """Trust remembers what it judged, for one thread at a time."""

    def answer(self, ledger: LedgerSnapshot, text: str) -> LedgerAnswer | None:
        """The answer to a question about the ledger; None for a text that is not surely one."""
        asked = understand(text, _known(ledger, text), self.now())
        if asked is None:
            return None
        answers = {
            Topic.MISSION: self._mission,
            Topic.MISSIONS: self._missions,
            Topic.NODES: self._nodes,
            Topic.SPENDING: self._spending,
            Topic.HAPPENED: self._happened,
            Topic.PROJECTS: self._projects,
        }
        with self._judging:
            return answers[asked.topic](ledger, asked)

    def _views(self, ledger: LedgerSnapshot, *, finished: bool) -> list[MissionView]:
        limit = MAX_FINISHED if finished else 0
        found = mission_view.mission_views(ledger, self._trust_of(ledger), self.now(), archived=finished, limit=limit)
        return list(found)

    def _trust_of(self, ledger: LedgerSnapshot) -> Trust:
        if self._trust is None or self._trust.store is not ledger.store:
            self._trust = Trust(ledger.store)
        return self._trust

    def _mission(self, ledger: LedgerSnapshot, asked: LedgerQuestion) -> LedgerAnswer:
        trust = self._trust_of(ledger)
        found = [mission_view.find_view(ledger, trust, name, self.now()) for name in asked.names]
        views = [view for view in found if view is not None]
        return LedgerAnswer(
            says=" ".join(f"{one.name} is {one.status.value}." for one in views), lines=tuple(map(mission_line, views))
        )

    def _missions(self, ledger: LedgerSnapshot, asked: LedgerQuestion) -> LedgerAnswer:
        finished = bool(asked.days or not FINISHED.isdisjoint(asked.statuses))
        views = [one for one in self._views(ledger, finished=finished) if _meant(one, asked)]
        state = _states(asked.statuses)
        about = f" of {', '.join(asked.names)}" if asked.names else ""
        count = f"{len(views)} mission{'s' * (len(views) != 1)}" if views else "No mission"
        verb = "is" if len(views) < 2 else "are"
        says = f"{count}{about} {verb} {state}{f' {asked.when}' if asked.when else ''}"
        more = f"; the first {MAX_ROWS}:" if len(views) > MAX_ROWS else ":" if views else "."
        return LedgerAnswer(says=says + more, lines=tuple(map(mission_line, views[:MAX_ROWS])))

    def _nodes(self, ledger: LedgerSnapshot, asked: LedgerQuestion) -> LedgerAnswer:
        now = self.now()
        moved = self.sightings.update(ledger.beats, now) if self.sightings else {}
        found = [one for one in list_presences(ledger, moved, now) if not asked.names or one.name in asked.names]
        live = [one.name for one in found if one.state == "live"]
        if asked.names:
            says = " ".join(f"{one.name} is {one.state}." for one in found)
        else:
            others = [f"{one.name} {one.state}" for one in found if one.state != "live"]
            says = f"{', '.join(live) or 'No node'} {'are' if len(live) > 1 else 'is'} live"
            says += f"; {', '.join(others)}." if others else "."
        return LedgerAnswer(says=says, lines=tuple(map(_node_line, found)))

    def _spending(self, ledger: LedgerSnapshot, asked: LedgerQuestion) -> LedgerAnswer:
        today = self.now().astimezone(UTC).date()
        first, last = asked.days or (today.replace(day=1), today)
        rows, remarks = read_spending(ledger, today)
        rows = [row for row in rows if first <= row.day <= last and (not asked.names or row.project in asked.names)]
        whole, when = sum_totals(rows), asked.when or "this month"
        about = f" on {', '.join(asked.names)}" if asked.names else ""
        says = f"${whole.cost_usd:.2f} was spent{about} {when} ({first} to {last}), in {whole.runs} runs."
        says += f" {whole.unpriced} of them have no known price." if whole.unpriced else ""
        says += f" Pages reach {MAX_DAYS} days back." if (today - first).days >= MAX_DAYS else ""
        nodes = sorted({row.node for row in rows})
        lines = [_spent_line(node, [row for row in rows if row.node == node]) for node in nodes]
        return LedgerAnswer(says=" ".join((says, *remarks)), lines=tuple(lines))

    def _happened(self, ledger: LedgerSnapshot, asked: LedgerQuestion) -> LedgerAnswer:
        first, last = asked.days or (date.min, date.max)
        lines = [
            CitableLine(text=_entry_text(entry), cite=f"entry {entry.entry_id}")
            for file, entry in session_logs.entries(ledger.store, ledger.tree)
            if first.isoformat() <= entry.when[:10] <= last.isoformat()
            and (not asked.names or file.project in asked.names)
        ]
        about = f" in {', '.join(asked.names)}" if asked.names else ""
        count = f"{len(lines)} log entr{'y' if len(lines) == 1 else 'ies'}" if lines else "No log entry"
        more = f"; the last {MAX_ROWS}:" if len(lines) > MAX_ROWS else ":" if lines else "."
        return LedgerAnswer(
            says=f"{count}{about} {asked.when} ({first} to {last}){more}", lines=tuple(lines[-MAX_ROWS:])
        )

    def _projects(self, ledger: LedgerSnapshot, asked: LedgerQuestion) -> LedgerAnswer:
        known = ledger.charter.projects
        lines = [CitableLine(text=f"{name} · {known[name].url}", cite="fleet.toml") for name in sorted(known)]
        return LedgerAnswer(says=f"{len(lines)} projects:" if lines else "There is no project yet.", lines=tuple(lines))


def _known(ledger: LedgerSnapshot, text: str) -> KnownNames:
    """Which of a text's words are names of something; single common words are taken for a mission's only if open."""
    words = set(_NAME.findall(text.lower()))
    broken = {bad.name for bad in ledger.quarantined}
    missions = [w for w in sorted(words) if w in ledger.open or w in broken or ("-" in w and ledger.archived(w))]
    return KnownNames(
        missions=missions, nodes=[*announced_nodes(ledger), *ledger.beats], projects=sorted(ledger.charter.projects)
    )


def _meant(view: MissionView, asked: LedgerQuestion) -> bool:
    if asked.statuses and view.status not in asked.statuses:
        return False
    if asked.names and view.project not in asked.names:
        return False
    moment = view.finished or view.started
    return asked.days is None or (
        moment is not None and asked.days[0] <= moment.astimezone(UTC).date() <= asked.days[1]
    )


def _states(statuses: Sequence[Status]) -> str:
    if not statuses:
        return "there"
    words = ["in review" if status is Status.REVIEW else status.value for status in statuses]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def mission_line(view: MissionView) -> CitableLine:
    """A mission as one row."""
    return CitableLine(
        text=" · ".join(_mission_facts(view)), cite=view.path or f"claim of {view.name}", about="mission"
    )


def _mission_facts(view: MissionView) -> Iterator[str]:
    yield f"{view.name} · {view.status.value}"
    if view.title and view.title != view.name:
        yield redacted_line(view.title, MAX_TEXT)
    if view.project:
        yield view.project
    if view.agent or view.node:
        yield f"{view.agent} on {view.node}" if view.node else str(view.agent)
    if view.attempt:
        yield f"attempt {view.attempt}"
    if view.finished:
        yield f"finished {format_utc(view.finished)}"
    elif view.started:
        yield f"started {format_utc(view.started)}"
    if view.cost_usd is not None:
        yield f"${view.cost_usd:.2f}"
    if view.decision:
        yield f"{view.decision} by {view.decided_by or 'hand'}"
    if view.reason:
        yield redacted_line(view.reason, MAX_TEXT)


def _node_line(one: Presence) -> CitableLine:
    facts = [f"{one.name} · {one.state}", one.role, f"works on {', '.join(one.works_on)}" if one.works_on else "idle"]
    facts += [f"last seen to move {format_utc(one.moved)}" if one.moved else ""]
    return CitableLine(text=" · ".join(filter(None, facts)), cite=f"heartbeats/{one.name}.md", about="node")


def _spent_line(node: str, rows: Sequence[Spend]) -> CitableLine:
    whole = sum_totals(rows)
    text = f"{node} · ${whole.cost_usd:.2f} · {whole.runs} runs · {whole.tokens_in} tokens in, {whole.tokens_out} out"
    return CitableLine(text=text, cite=f"heartbeats/{node}.md", about="spent")


def _entry_text(entry: Entry) -> str:
    """An entry as one row. What was done in a model's words is in the entry itself."""
    what = entry.title or entry.mission or redacted_line(entry.section("Work Accomplished"), MAX_TEXT)
    who = " ".join(filter(None, (entry.agent, f"on {entry.node}" if entry.node else "")))
    return " · ".join(filter(None, (entry.when, redacted_line(what, MAX_TEXT), who)))
