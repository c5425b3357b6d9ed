"""How does a node carry out its part of a roll: an update of the very program that carries it out?

The version that runs starts `update` as a process of its own, and puts the mission back as soon as that has switched to
the new one: the node then ends its work and starts anew. Whichever version comes up takes the mission again: the new
one says that it is there; the old one says that it is back, which ends the roll.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from missions.mission import UPDATE_AGENT, Mission
from missions.plain_data import read_json
from orchestrator.app import wiring
from orchestrator.app.updates.version_dirs import VersionDirs, running_version
from orchestrator.core.errors import Refused
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.update_roll import stacking_reason
from sync import files
from sync.errors import SyncError
from sync.process import own_session

if TYPE_CHECKING:
    from orchestrator.core.settings import Settings
    from sync.git_remote import GitRemote

NOTE, LOG = "update-mission.json", "update.log"
"""In the home folder: which mission this node has begun to carry out; what its updater said."""
POLL_SECONDS = 0.2
LOOK_SECONDS = 3.0
"""Seconds between two looks at the ledger, each of which is a fetch."""
PATIENCE_SECONDS = 90.0
"""Seconds in which the node before must show its new version, and this one its first round."""
END_SECONDS = 4.0
"""Seconds that an updater may take to end when it is told to."""
MAX_SAID_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class UpdateAgent:
    """Updates this node. What a mission's text says is not read: only its release counts."""

    node: str
    version: str
    """This very program's."""
    dirs: VersionDirs
    home: Path
    waits_for: Callable[[Mission], str]
    """Why a mission may not be begun now, as the ledger is at this moment; empty if it may. Raises SyncError."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    patience: float = PATIENCE_SECONDS
    look_seconds: float = LOOK_SECONDS
    name: str = field(default=UPDATE_AGENT)

    def missing(self) -> str | None:
        """Nothing: it is there only where versions are."""
        return None

    def run(self, job: AgentJob, stop: Stop) -> Outcome:
        """One step of the way. Puts the mission back where the next version is to say what became of it."""
        release = job.mission.release or ""
        if job.mission.to != (self.node,):
            return _failed(f"it is for {', '.join(job.mission.to)}, and not for {self.node} by its name")
        if self.version == release:
            return self._arrived(release, stop)
        if self._is_begun(job):
            return self._came_back(release)
        why = self._patiently(lambda: self._waits_for(job.mission), stop, self.look_seconds)
        if stop.is_set():
            return _stopped()
        if why:
            return Outcome(ok=False, summary=f"Not begun: {why}.", parked=why)
        return self._begin(job, release, stop)

    def _waits_for(self, mission: Mission) -> str:
        """Why it may not be begun now; a ledger that is not reached is waited for like a node that is not ready."""
        try:
            return self.waits_for(mission)
        except SyncError as error:
            return f"the ledger is away: {error}"

    def _arrived(self, release: str, stop: Stop) -> Outcome:
        """The new version's word, once it has done a round: before that its node may still go back."""
        waits = self._patiently(lambda: "" if self.dirs.trial is None or self.dirs.well else "its trial goes on", stop)
        if stop.is_set():
            return _stopped()
        if waits:
            return _failed(f"{release} has started, and done no round in {self.patience:g} s")
        self._forget()
        before = f", before it {self.dirs.before}" if self.dirs.before else ""
        return Outcome(ok=True, summary=f"{self.node} runs {release} now{before}.")

    def _came_back(self, release: str) -> Outcome:
        """The old version's word. Its service may have ended the updater with the node, before that could say why."""
        said = self.dirs.reason or self._last_words()
        self._end_trial(release)
        self._forget()
        why = f"{release} did not stay on {self.node}: {self.version} runs again" + (f" ({said})" if said else "")
        return _failed(why)

    def _end_trial(self, release: str) -> None:
        """This version runs, and so reads its database: there is nothing more to go back to."""
        with suppress(Refused), self.dirs.alone():  # an updater that goes on ends it itself
            trial = self.dirs.trial
            if trial is not None and trial.new == release and self.dirs.current == self.version:
                self.dirs.end_trial()

    def _begin(self, job: AgentJob, release: str, stop: Stop) -> Outcome:
        files.replace(self.home / NOTE, json.dumps(self._note(job)))
        job.say(f"fetching {release} and looking whether it works here")
        with (self.home / LOG).open("wb") as log:
            updater = own_session.begin(
                lambda: subprocess.Popen(
                    [str(self.dirs.program(self.version)), "update", release, "--json"],
                    env=os.environ | {"SHIFTBOOK_HOME": str(self.home)},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # it outlives this node, which starts anew as the next version
                )
            )
        deadline = self.clock() + job.mission.timeout_seconds
        while updater.poll() is None and self.dirs.current != release:
            if stop.is_set() or self.clock() >= deadline:
                why = "" if stop.is_set() else f"no end after {job.mission.timeout_seconds} s"
                return self._end(updater, release, why)
            self.sleep(POLL_SECONDS)
        if self.dirs.current == release:
            return _switched(release)
        self._forget()
        return _failed(self._last_words() or f"the update ended with {updater.returncode}")

    def _end(self, updater: subprocess.Popen[bytes], release: str, why: str) -> Outcome:
        """Ends an updater that has not switched yet. If it does so in its last moment, the node goes over."""
        with suppress(ProcessLookupError):
            os.killpg(updater.pid, signal.SIGTERM)
        try:
            updater.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(updater.pid, signal.SIGKILL)
            updater.wait()
        if self.dirs.current == release:
            return _switched(release)
        self._forget()
        return _failed(f"{why}; nothing was changed") if why else _stopped()

    def _patiently(self, waits: Callable[[], str], stop: Stop, pause: float = POLL_SECONDS) -> str:
        """What is still waited for when patience ends; empty as soon as it is there."""
        deadline = self.clock() + self.patience
        while (why := waits()) and self.clock() < deadline and not stop.is_set():
            stop.wait(pause)
        return why

    def _note(self, job: AgentJob) -> dict[str, object]:
        return {"mission": job.mission.name, "attempt": job.attempt, "release": job.mission.release}

    def _is_begun(self, job: AgentJob) -> bool:
        try:
            return bool(read_json((self.home / NOTE).read_bytes()) == self._note(job))
        except (FileNotFoundError, ValueError):
            return False

    def _forget(self) -> None:
        (self.home / NOTE).unlink(missing_ok=True)

    def _last_words(self) -> str:
        """The last line that the updater said to people of this release, and not of others that are none."""
        try:
            with (self.home / LOG).open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - MAX_SAID_BYTES))
                lines = log.read(MAX_SAID_BYTES).decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return ""
        told = [line.removeprefix("shiftbook: ").strip() for line in lines if line.startswith("shiftbook: ")]
        told = [line for line in told if " does not count: " not in line]
        return told[-1][:600] if told else ""


def build_update_agent(settings: Settings, link: GitRemote) -> UpdateAgent | None:
    """What updates this machine's node; None where its program was not installed by `update`."""
    own = running_version()
    if own is None:
        return None
    reader, trust = wiring.reader(settings, link), Trust(link.store)  # its thread's own

    def waits_for(mission: Mission) -> str:
        return stacking_reason(reader.read(link.fetch()), mission, trust)

    dirs, version = own
    return UpdateAgent(node=settings.node, version=version, dirs=dirs, home=settings.home, waits_for=waits_for)


def _switched(release: str) -> Outcome:
    return Outcome(ok=False, summary=f"Switched to {release}; it goes on when that has started.", released=True)


def _failed(why: str) -> Outcome:
    return Outcome(ok=False, summary=f"{why[:1].upper()}{why[1:]}.", error=why)


def _stopped() -> Outcome:
    return Outcome(ok=False, summary="Stopped.", error="stopped", cancelled=True)
