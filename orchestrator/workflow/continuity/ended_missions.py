"""Which missions ended in a month, how, and what did their agents ask people meanwhile? As the files tell it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from missions.mission import REVIEW, UPDATE_TASK, Mission, Status
from missions.result_section import attempt_sections
from orchestrator.ledger.archive import folder_path, mission_bytes, read_mission
from orchestrator.ledger.snapshot import LedgerSnapshot

MAX_MISSIONS = 20_000
"""Missions of a month that are looked at."""
MAX_QUESTIONS = 20
"""Questions of a mission that are."""
_ASKED = re.compile(r"^- it asked a person: (\S.{0,2000})$", re.MULTILINE)
_OVERHEAD = frozenset({REVIEW, UPDATE_TASK})
"""Kinds of work that nobody hands over to an instance: they say nothing about handoffs."""


class MissionEnd(StrEnum):
    """How a mission ended. Withdrawn: cancelled before anybody rejected a result of it, or another of several attempts
    side by side was taken. Waiting: its result is with a person."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    WAITING = "waiting"


DECIDED = frozenset({MissionEnd.ACCEPTED, MissionEnd.REJECTED, MissionEnd.FAILED})
"""Ends that say whether the work was good."""


@dataclass(frozen=True, kw_only=True)
class EndedMission:
    """A mission that ended, or whose result waits, with what its agents asked people."""

    mission: Mission
    end: MissionEnd
    questions: tuple[str, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether its end says if the work was good."""
        return self.end in DECIDED

    @property
    def stepped_in(self) -> bool:
        """Whether a person had to: sent a result back, had it tried again, or was asked something."""
        return bool(self.mission.rejections or self.mission.retries or self.questions)


def ended_missions(ledger: LedgerSnapshot, month: str) -> list[EndedMission]:
    """The missions whose last attempt ended in a month (`2026-11`), by name; reviews and updates are left out."""
    found = (one for one in _files(ledger, month) if one.mission.task not in _OVERHEAD)
    return sorted(islice(found, MAX_MISSIONS), key=lambda one: one.mission.name)


def _files(ledger: LedgerSnapshot, month: str) -> Iterator[EndedMission]:
    for label, folder in ledger.archive.folders:
        if not label.startswith(month):
            continue
        ledger.store.warm(folder.values())
        for name, blob in sorted(folder.items()):
            mission = read_mission(ledger.store, f"{folder_path(label, folder)}/{folder.path(name)}", blob)
            if isinstance(mission, Mission):
                yield _ended(mission, mission_bytes(ledger.store, blob) or b"")
    for _, filed in sorted(ledger.open.items()):
        when = filed.mission.finished
        if filed.mission.status in _STILL_OPEN and when is not None and f"{when:%Y-%m}" == month:
            yield _ended(filed.mission, mission_bytes(ledger.store, filed.blob) or b"")


_STILL_OPEN = {Status.DEAD: MissionEnd.FAILED, Status.REVIEW: MissionEnd.WAITING}
"""Ends of missions that have not left the folder of open ones."""


def _ended(mission: Mission, data: bytes) -> EndedMission:
    sections = attempt_sections(data.decode("utf-8", "replace"))[::-1]
    asked = dict.fromkeys(" ".join(found.split()) for text in sections for found in _ASKED.findall(text))
    return EndedMission(mission=mission, end=_end(mission), questions=tuple(asked)[:MAX_QUESTIONS])


def _end(mission: Mission) -> MissionEnd:
    if mission.status in _STILL_OPEN:
        return _STILL_OPEN[mission.status]
    if mission.status is Status.DONE:
        return MissionEnd.ACCEPTED
    rejected = mission.rejections or mission.decision == "rejected"
    return MissionEnd.REJECTED if rejected else MissionEnd.WITHDRAWN
