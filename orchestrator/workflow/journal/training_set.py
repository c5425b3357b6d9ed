"""Which work was accepted and which was not, as a training set in the shapes that trainers read?

Of each accepted mission the result is an example (`sft`); beside each attempt at the same request that was not accepted
it is a preference (`dpo`). The words are the agent's own as the journal has them, with the diff that the archive kept,
redacted. What an instance was given besides the request is not recorded, so it is not made up here.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from handoff.entry import Entry
from handoff.secrets.redact import redact
from missions.archive_path import archive_path, day_of
from missions.mission import BY_POLICY, Mission, Status
from orchestrator.core.errors import WrongSetting
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile
from orchestrator.policy.one_of_group import group_attempts
from orchestrator.workflow.journal.context import SYSTEM_PROMPT
from sync.files import UNFINISHED_SUFFIX, move_into_place

MAX_DIFF_CHARS = 32_000
"""Characters of a diff that an example shows; a longer one is left out whole, because half of one is no diff."""

_ATTEMPT = re.compile(r"\(attempt (\d{1,9})\)[ \t]*$", re.MULTILINE)
_RUN_OF_TICKS = re.compile(r"`+")


class TrainingShape(StrEnum):
    """What a row is: one conversation, or one request with a better and a worse answer."""

    SFT = "sft"
    DPO = "dpo"


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One attempt that a model made, and what it left."""

    mission: Mission
    entry: Entry
    project: str


@dataclass(kw_only=True)
class TrainingSet:
    """The rows of one ledger. `consent` says under which licence or consent they may be used; each row says it.

    `skipped` counts, after the rows were read, what is no row and why.
    """

    ledger: LedgerSnapshot
    shape: TrainingShape
    consent: str
    project: str | None = None
    since: str = ""
    """An ISO day: work accepted from then on."""
    skipped: Counter[str] = field(default_factory=Counter)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, oldest accepted work first; the same ledger always has the same."""
        self.skipped.clear()
        finished = {f.mission.name: f.mission for f in self.ledger.every_archived() if isinstance(f, MissionFile)}
        journal = self._journal(finished)
        done = [one for one in finished.values() if one.status is Status.DONE]
        accepted = [work for mission in done if (work := self._accepted(mission, journal))]
        for work in sorted(accepted, key=_order):
            answer = self._answer(work)
            if self.shape is TrainingShape.SFT:
                yield {"messages": [*_prompt(work.mission, told=True), _said(answer)], **self._facts(work)}
                continue
            yield from self._preferences(work, answer, journal)

    def _preferences(self, work: _Work, answer: str, journal: Mapping[str, list[_Work]]) -> Iterator[dict[str, Any]]:
        worse = [other for other in self._others(work, journal) if self._answer(other) != answer]
        if not worse:
            self.skipped["nothing to compare it with"] += 1
        for other in sorted(worse, key=_order):
            yield {
                "prompt": _prompt(work.mission, told=False),
                "chosen": [_said(answer)],
                "rejected": [_said(self._answer(other))],
                **self._facts(work),
                "rejected_id": redact(other.entry.entry_id).text,
                "rejected_because": _why_rejected(work, other),
                "rejected_model": redact(other.entry.model).text,
            }

    def _journal(self, finished: Mapping[str, Mission]) -> dict[str, list[_Work]]:
        """The attempts of models by mission, from the log that the mission's node writes to."""
        found: dict[str, list[_Work]] = {}
        for file, entry in session_logs.entries(self.ledger.store, self.ledger.tree):
            mission = finished.get(entry.mission) if entry.is_attempt and entry.by_model else None
            if mission is not None and file.project == (mission.project or ""):
                found.setdefault(entry.mission, []).append(_Work(mission=mission, entry=entry, project=file.project))
        return found

    def _accepted(self, mission: Mission, journal: Mapping[str, list[_Work]]) -> _Work | None:
        """The attempt whose result is the mission's, if it is to be a row."""
        if self.project is not None and (mission.project or "") != self.project:
            return None
        work = next((one for one in journal.get(mission.name, ()) if _epoch(one.entry) == mission.epoch), None)
        if mission.adopted_by or work is None:
            self.skipped["no attempt of a model stands in the journal for it"] += 1
            return None
        if work.entry.when[:10] < self.since[:10]:
            return None
        if not self._answer(work):
            self.skipped["it says nothing"] += 1
            return None
        return work

    def _others(self, work: _Work, journal: Mapping[str, list[_Work]]) -> Iterator[_Work]:
        """Attempts at the same request that were not accepted: earlier ones, and those side by side."""
        names = [work.mission.name]
        if work.mission.group:
            names += [name for name in group_attempts(self.ledger, work.mission.group) if name != work.mission.name]
        for name in names:
            for other in journal.get(name, ()):
                same = other.mission.request == work.mission.request and other.mission.project == work.mission.project
                taken = name != work.mission.name and other.mission.status is Status.DONE
                if other is not work and same and not taken and self._answer(other):
                    yield other

    def _answer(self, work: _Work) -> str:
        """What the agent said, and its diff; "" for nothing."""
        said = work.entry.section("Work Accomplished").strip()
        return redact("\n\n".join(part for part in (said, _fenced(self._diff(work))) if part)).text

    def _diff(self, work: _Work) -> str:
        """The attempt's diff as the archive kept it, if it is not too long."""
        number = _ATTEMPT.search(work.entry.section("Starting Context"))
        if number is None or not work.entry.when:
            return ""
        path = archive_path(work.mission.name, day_of(work.entry.when), f"{number[1]}.diff")
        diff = self.ledger.text(path)
        return diff if len(diff) <= MAX_DIFF_CHARS else ""

    def _facts(self, work: _Work) -> dict[str, str]:
        """Where a row comes from, and what it may be used for."""
        facts = {
            "id": work.entry.entry_id,
            "mission": work.mission.name,
            "project": work.project,
            "agent": work.entry.agent,
            "model": work.entry.model,
            "when": work.entry.when,
            "accepted_by": "person" if _by_person(work.mission) else "rule",
            "consent": self.consent,
            "commit": self.ledger.tip,
        }
        return {name: redact(value).text if name != "commit" else value for name, value in facts.items()}


def write_rows(path: Path, rows: Iterable[dict[str, Any]], *, force: bool) -> int:
    """Writes the rows to a file whole or not at all, and says how many. Raises WrongSetting for a place that is taken,
    unless `force`, for one that is no ordinary file, and for one that cannot be written."""
    _require_free(path, force=force)
    part = path.with_name(f".shiftbook-{secrets.token_hex(8)}{UNFINISHED_SUFFIX}")
    count = 0
    try:
        with part.open("xb") as file:
            for row in rows:
                file.write(json_line(row))
                count += 1
        if force:
            _require_free(path, force=True)
            move_into_place(part, path)
        else:
            _link(part, path)
    except OSError as error:
        raise WrongSetting("-o", f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return count


def json_line(row: dict[str, Any]) -> bytes:
    """A row as a line of JSONL; half a character, which no reader takes, is a question mark."""
    return (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _require_free(path: Path, *, force: bool) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise WrongSetting("-o", f"{path} is no ordinary file")
    if not force:
        raise WrongSetting("-o", f"{path} is there already: take another name, or replace it with --force")


def _link(part: Path, path: Path) -> None:
    """Gives the file its name unless somebody else has taken that meanwhile."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        _require_free(path, force=False)
        raise


def _by_person(mission: Mission) -> bool:
    return mission.decision == "approved" and mission.decided_by not in (None, BY_POLICY)


def _order(work: _Work) -> tuple[str, str]:
    return work.entry.when, work.entry.entry_id


def _epoch(entry: Entry) -> int:
    return int(entry.entry_id.removeprefix(entry.mission)[1:])


def _prompt(mission: Mission, *, told: bool) -> list[dict[str, str]]:
    """What was asked; with `told` also what a person said of the attempt before, which this one has read."""
    parts = [mission.request]
    if told and mission.rejections and mission.comment:
        parts.append(f"A person said of the attempt before: {mission.comment}")
    asked = redact("\n\n".join(parts)).text
    return [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": asked}]


def _said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _fenced(diff: str) -> str:
    if not diff.strip():
        return ""
    ticks = "`" * max(3, 1 + max(map(len, _RUN_OF_TICKS.findall(diff)), default=0))
    return f"{ticks}diff\n{diff.rstrip()}\n{ticks}"


def _why_rejected(work: _Work, other: _Work) -> str:
    if other.entry.section("Blockers").strip():
        return "failed"
    return "sent back" if other.mission.name == work.mission.name else "not chosen"
