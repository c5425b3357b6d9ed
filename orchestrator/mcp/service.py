"""The service for agents from outside: what may they ask of the fleet, and what becomes of what they hand over?

It reads what any instance of the fleet reads. What it writes is redacted, carries its own name (`mcp-…`, which no
person has), and stands in the log as a quotation. There is no way from here to a document of rules, to `fleet.toml`, to
an approval or to anybody's trust.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

from handoff.entry import OUTSIDER_PREFIX
from handoff.secrets.excerpts import redacted_excerpt
from handoff.secrets.redact import redact
from handoff.warnings.warning_index import MAX_WARNINGS
from missions.document import RESULT_MARK
from missions.errors import BadName
from missions.frontmatter import Scalar
from missions.mission import Status, slug
from missions.one_line import shorten
from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.journal.context import estimate_tokens
from orchestrator.workflow.journal.log import ExternalAgent, Logbook
from orchestrator.workflow.journal.memos import Memos
from orchestrator.workflow.mission_detail import MissionDetail
from orchestrator.workflow.mission_view import MissionView

MAX_TEXT_CHARACTERS = 20_000
"""Characters of a diff or an output that are handed to an agent; the ledger has all of it."""

GLANCE_SECONDS = 30.0
"""Seconds for which a look at an action is answered from the ledger as it was seen last, without asking the remote."""

MAX_WARNINGS_A_CLIENT = 20
"""Lines that a client hears at its actions: who hears more listens to none."""

CHANGING_STATES = frozenset({Status.QUEUED.value, Status.RUNNING.value, Status.FAILED.value})
"""States that change without anybody's doing."""

ROW_FIELDS = (
    "name",
    "title",
    "status",
    "reason",
    "hint",
    "project",
    "agent",
    "priority",
    "node",
    "attempt",
    "finished",
)
ARCHIVED_STATES = frozenset({Status.DONE.value, Status.CANCELLED.value})


@dataclass(frozen=True, kw_only=True)
class McpService:
    """One person's fleet, as agents at this machine reach it; several may ask at once.

    `in_name_of` gives the door by which an agent's own words go in. With `wait` a mission of an agent's is filed
    without the person's word: it is shown and does not run until somebody trusts it. A command line waits even without,
    unless `run_lines`.
    """

    fleet: Fleet
    logbook: Callable[[Fleet], Logbook]
    memos: Memos
    in_name_of: Callable[[str], Fleet]
    node: str
    project: str = ""
    wait: bool = True
    run_lines: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)
    clock: Callable[[], float] = time.monotonic
    """Seconds that only go forwards."""
    _glanced: list[float] = field(default_factory=list)
    _warned: list[str] = field(default_factory=list)
    """What was said at an action: nothing is said twice to one client."""

    def handoff(self, project: str | None, task: str, budget: int) -> str:
        """What a fresh instance is given, with what was left out. Raises NotFound for an unknown project."""
        with self._lock:
            made = self.fleet.handoff(self._project(project), task, budget=budget, count=estimate_tokens)
            notes = [f"left out: {cut.name} · {cut.title} · {cut.why}" for cut in made.cut]
            notes += [f"{self.fleet.offline}; this is what was last seen"] if self.fleet.offline else []
        return "\n".join([made.text.rstrip(), *(f"[{note}]" for note in notes)])

    def search(self, query: str, limit: int) -> list[dict[str, Any]]:
        """What earlier sessions said, best first, each match with its neighbours in the log."""
        with self._lock:
            return [_without_empty(asdict(one)) for one in self.logbook(self.fleet).search(query, limit=limit)]

    def warnings(self, action: str, project: str | None) -> list[str]:
        """What the journal warns of at a command or a path, each line with its entry, until a client has heard enough.

        Nothing means that it says nothing; that all was said before, or enough, is a line in brackets of its own.

        Raises NotFound for an unknown project.
        """
        with self._lock:
            left = MAX_WARNINGS_A_CLIENT - len(self._warned)
            if left < 1:
                return [f"(enough was said: {MAX_WARNINGS_A_CLIENT} lines; ask search_log for what bears on this)"]
            book = replace(self.logbook(self.fleet), ledger=self._glance)
            of = self._project(project) or None
            found = book.warnings(action, project=of, said=self._warned, limit=min(MAX_WARNINGS, left))
            before = len(self._warned)
            self._warned.extend(one.text for one in found)
            if not found:
                heard = book.warnings(action, project=of, limit=1) if before else []
                return ["(all that the journal says of this was said before)"] if heard else []
        return [one.quoted for one in found]

    def _glance(self) -> LedgerSnapshot:
        """The ledger as it was seen last, asked for anew at most each `GLANCE_SECONDS`: a look must not wait."""
        now = self.clock()
        if self._glanced and now - self._glanced[0] < GLANCE_SECONDS:
            return self.fleet.last_seen()
        seen = self.fleet.ledger()
        self._glanced[:] = [now]
        return seen

    def append(
        self, agent: str, sections: Mapping[str, str], *, project: str | None, title: str, mission: str, model: str
    ) -> dict[str, Any]:
        """Appends an entry in the agent's name. Raises NotFound for an unknown project, and WrongSetting."""
        if not any(text.strip() for text in sections.values()):
            raise WrongSetting("sections", "say something in one of them, for example in work_accomplished")
        name = agent_author(agent)
        with self._lock:
            book = self.logbook(self.in_name_of(name))
            by = ExternalAgent(agent=name, node=self.node, model=model)
            made = book.add(sections, project=self._project(project), title=title, mission=mission, by=by)
        return {"entry_id": made.entry_id, "path": made.path, "author": name, "secrets_taken_out": made.redacted}

    def file(self, agent: str, text: str, fields: Mapping[str, Scalar | Sequence[str]], *, name: str) -> dict[str, Any]:
        """Files a mission in the agent's words. Raises WrongSetting when it could not run."""
        clean, who = redact(_without_result_mark(text)), agent_author(agent)
        given = {key: _without_secrets(value) for key, value in fields.items()}
        # With a title there is front matter of ours, so that none in the agent's text counts.
        given["title"] = given.get("title") or _first_line(clean.text)
        given["project"] = self._project(_text_or_none(given.get("project")))
        with self._lock:
            door = self.in_name_of(who) if self._must_wait(given) else self.fleet
            made = door.new(clean.text, given, name=name or self._spare_name(str(given["title"]), who), by=who)
            view = self.fleet.mission(made).view
        return _mission_row(view) | {"path": view.path, "secrets_taken_out": len(clean.found)}

    def _must_wait(self, fields: Mapping[str, Scalar | Sequence[str]]) -> bool:
        """Whether a mission takes a person's word before it runs. Raises Refused where nothing could wait for one."""
        line = bool(fields.get("run")) or fields.get("agent") == "command"
        if not self.wait and (self.run_lines or not line):
            return False
        if self.fleet.ledger().charter.trust.missions == "remote":
            flags = "--missions run --run-lines" if line else "--missions run"
            raise Refused(
                f"in this fleet all that is pushed runs (trust.missions), so nothing can wait: a person may allow it "
                f"with `shiftbook mcp {flags}`"
            )
        return True

    def mission(self, name: str) -> dict[str, Any]:
        """How a mission stands and what came of it. Raises NotFound."""
        with self._lock:
            return _mission_detail(self.fleet.mission(name))

    def missions(self, status: str | None, limit: int) -> list[dict[str, Any]]:
        """Missions that need somebody; finished ones when they are asked for. Raises WrongSetting."""
        if status and status not in [one.value for one in Status]:
            raise WrongSetting("status", f"one of {', '.join(Status)}, not {status!r}")
        with self._lock:
            views = self.fleet.missions(archived=status in ARCHIVED_STATES)
        return [_mission_row(view) for view in islice((v for v in views if not status or v.status == status), limit)]

    def memo_list(self, project: str | None, limit: int) -> list[dict[str, Any]]:
        """The memos of finished missions, the newest first."""
        with self._lock:
            found = list(islice(self.memos.newest(project), limit))
        return [_without_empty(asdict(one.memo) | {"path": one.path, "project": one.project}) for one in found]

    def _spare_name(self, title: str, who: str) -> str:
        """A name for a mission whose title makes none, being in another script; "" where the title makes one."""
        return "" if _slug_or_empty(title) else f"{who}-{self.fleet.bus.nonce()[:6]}"

    def _project(self, given: str | None) -> str:
        return self.project if given is None else given


def agent_author(agent: str) -> str:
    """The name that an agent's words carry: never a person's."""
    return f"{OUTSIDER_PREFIX}{_slug_or_empty(redact(agent).text)[:40].strip('-') or 'agent'}"


def _slug_or_empty(text: str) -> str:
    """The text as a name; "" when it makes none."""
    try:
        return slug(text)
    except BadName:
        return ""


def _without_result_mark(text: str) -> str:
    """The text without the line below which only nodes write."""
    return text.replace(RESULT_MARK, RESULT_MARK.replace("<", "&lt;"))


def _without_secrets(value: Scalar | Sequence[str]) -> Scalar | Sequence[str]:
    if isinstance(value, str):
        return redact(value).text
    return [redact(str(one)).text for one in value] if isinstance(value, Sequence) else value


def _text_or_none(value: Scalar | Sequence[str]) -> str | None:
    return value if isinstance(value, str) else None


def _first_line(text: str) -> str:
    line = next((line.strip(" #\t") for line in text.splitlines() if any(map(str.isalnum, line))), "")
    return shorten(line, 80)


def _mission_row(view: MissionView) -> dict[str, Any]:
    return {key: value for key, value in view.json().items() if key in ROW_FIELDS and value not in (None, "")}


def _mission_detail(detail: MissionDetail) -> dict[str, Any]:
    asked, _, result = detail.text.partition(RESULT_MARK)
    parts = {
        "file": asked.rstrip(),
        "result": result.strip(),
        "diff": _truncate(detail.diff),
        "output": _truncate(detail.output),
        "memo": detail.memo,
        "late": [late.name for late in detail.late],
    }
    told = {key: value for key, value in detail.view.json().items() if value not in (None, "")}
    return told | {key: value for key, value in parts.items() if value}


def _truncate(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARACTERS:
        return text
    shown = redacted_excerpt(text, MAX_TEXT_CHARACTERS)
    return f"{shown}\n[… {len(text) - MAX_TEXT_CHARACTERS:,} more characters]"


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", False, ())}
