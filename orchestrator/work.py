"""How does a claimed mission become an outcome: context, agent, and what is kept of a run that was cut off?"""

from __future__ import annotations

import shutil
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from handoff.redact import redact
from handoff.support import disagreement
from missions.lease import Claim, Hold
from missions.mission import Mission
from orchestrator import context
from orchestrator.charter import Charter
from orchestrator.errors import OrchestratorError
from orchestrator.journal import Attempt
from orchestrator.ledger import Ledger
from orchestrator.ports import Agent, Job, Outcome, Project
from sync.errors import SyncError


class Reason:
    """Why a job was told to stop, with what that makes of its claim."""

    CANCELLED, FENCED, STOPPING = "cancelled by a person", "the lease could not be kept", "the node was stopped"


@dataclass
class Stopper:
    """A stop flag that remembers the first reason."""

    event: threading.Event = field(default_factory=threading.Event)
    reason: str = ""

    def stop(self, reason: str) -> None:
        """Tells the job to end."""
        if not self.event.is_set():
            self.reason = reason
            self.event.set()


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Where this node works: its agents, the folder of its workspaces, how it tells the time."""

    agents: Mapping[str, Agent]
    folder: Path
    counts: Mapping[str, Callable[[str], int]]
    """How an agent's model counts tokens, by agent; the others get an estimate."""
    now: Callable[[], datetime]
    budget: int = 1500
    """Tokens of handoff given to an instance."""
    words: Callable[[str], str] = lambda text: ""
    """A model that says in a sentence what was done; "" when it has none."""
    recall: context.Recall = context.nothing
    """What this machine's index of the journal knows about a task."""

    def attempt(
        self, ledger: Ledger, mission: Mission, claim: Claim, stop: Stopper, remarks: tuple[str, ...]
    ) -> Attempt:
        """Does one attempt, whatever comes of it; never raises for a failure of the work."""
        started = self.now()
        outcome = self._run(ledger, mission, claim, stop)
        state = _state(outcome, stop)
        finished = self.now()
        final = state in {Hold.DONE, Hold.CANCELLED} or (
            state is Hold.FAILED and claim.attempt >= mission.attempts_allowed
        )
        return Attempt(
            mission=mission,
            claim=claim,
            outcome=outcome,
            state=state,
            started=started,
            finished=finished,
            final=final,
            words=self.words_of(ledger.charter, outcome) if final else "",
            remarks=remarks,
        )

    def words_of(self, rules: Charter, outcome: Outcome) -> str:
        """The memo's summary in a model's words, if the fleet wants that and what was done bears them out."""
        if rules.handoff.memo_words != "model" or outcome.answer:
            return ""  # an answer is in a model's words already
        told = "\n".join([outcome.summary, *outcome.files, *outcome.output.splitlines()[-20:]])
        said = " ".join(self.words(redact(told).text).split())
        return "" if disagreement(said, [told]) else said

    def clear(self, claim: Claim) -> None:
        """Removes an attempt's workspace, once its result is accepted or kept as late work."""
        shutil.rmtree(self._folder(claim), ignore_errors=True)

    def output(self, claim: Claim) -> Path:
        """Where a running attempt's output can be read live."""
        return self._folder(claim) / "progress.txt"

    def _folder(self, claim: Claim) -> Path:
        return self.folder / f"{claim.mission}-{claim.epoch}"

    def _run(self, ledger: Ledger, mission: Mission, claim: Claim, stop: Stopper) -> Outcome:
        try:
            project = ledger.charter.project(mission.project) if mission.project else None
            folder = self._folder(claim)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            job = self._job(ledger, mission, claim, project, folder)
            return self.agents[mission.agent].run(job, stop.event)
        except (OrchestratorError, SyncError, OSError) as error:
            return Outcome(ok=False, summary="The attempt could not be carried out.", error=str(error) or repr(error))
        except Exception as error:  # a mistake of ours must end the attempt, not the thread that would report it
            trace = traceback.format_exc()
            return Outcome(ok=False, summary="The node made a mistake.", error=f"internal: {error!r}", output=trace)

    def _job(self, ledger: Ledger, mission: Mission, claim: Claim, project: Project | None, folder: Path) -> Job:
        progress = self.output(claim)

        def say(line: str) -> None:
            with progress.open("a", encoding="utf-8") as file:
                file.write(line.rstrip("\n") + "\n")

        given = context.assembled(
            ledger,
            mission.project or "",
            mission.body,
            now=self.now(),
            budget=self.budget,
            count=self.counts.get(mission.agent, context.estimate),
            recall=self.recall,
        )
        recalled = given.tail.partition("<shiftbook:task>")[0]
        known = given.head + given.log + recalled  # the task itself goes where the agent wants it
        return Job(mission=mission, attempt=claim.attempt, project=project, context=known, folder=folder, say=say)


def _state(outcome: Outcome, stop: Stopper) -> Hold:
    if outcome.cancelled and stop.event.is_set():
        return Hold.CANCELLED if stop.reason == Reason.CANCELLED else Hold.RELEASED
    return Hold.DONE if outcome.ok else Hold.FAILED
