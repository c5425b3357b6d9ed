"""How does this node carry its attempts from an assignment to the hand-back? One thread each; the loop settles them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from orchestrator.core.events import Tell
from orchestrator.execution.message_box import MessageBox
from orchestrator.execution.workspace.cleanup import Cleanup
from orchestrator.ledger.result_report import EndedAttempt
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.executor import CancelToken, Executor, StopReason
from orchestrator.node.handback import Handback
from orchestrator.node.jobs import RunningJob, RunningJobs
from orchestrator.node.message_delivery import MessageDelivery
from orchestrator.node.scheduler import Assignment, HeartbeatGaps
from orchestrator.node.usage_log import AttemptUsage
from orchestrator.policy.authorization import Trust


class LeaseGuard(HeartbeatGaps, Protocol):
    """Whether this node may still trust its leases."""

    @property
    def fenced(self) -> bool:
        """Whether it must not. Any thread may ask."""


@dataclass(kw_only=True)
class Attempts:
    """The attempts of one node. All but what runs in their own threads is the loop's."""

    jobs: RunningJobs
    executor: Executor
    handback: Handback
    leases: LeaseGuard
    usage: AttemptUsage
    tell: Tell
    cleanup: Cleanup | None = None
    """Removes what attempts have left; None: each folder goes as soon as its result is taken."""
    messages: MessageDelivery | None = None
    """Brings them what people say; None: nobody can speak to them."""

    def begin(self, taken: Iterable[Assignment]) -> None:
        """Begins to work on what this node has just taken, and ends what only has to be ended."""
        for one in taken:
            if one.end:
                self.handback.end(one)
                self.jobs.wake.set()
            else:
                self._start(one)

    def hand_back(self, ledger: LedgerSnapshot | None = None) -> bool:
        """Hands back what is ready; returns whether anything was. Raises what Handback.hand_back raises."""
        if ledger is not None:
            self.handback.branch.wanted = ledger.charter.bus.results_branch
        done = self.handback.hand_back(*([ledger.folded_epoch] if ledger else []))
        for letter in done:
            self.executor.handed_back(letter, keep=self.cleanup is not None)
        if done and self.cleanup is not None:
            self.cleanup.attempt_ended()
        for letter in (*done, *self.handback.refused):  # what was refused waits without a slot
            self.jobs.settled(letter.held)
        return bool(done)

    def hear(self, ledger: LedgerSnapshot) -> bool:
        """Brings people's messages to what runs here; whether anybody was answered. Raises SyncError."""
        return self.messages is not None and self.messages.step(ledger, self.jobs.by_mission)

    def follow_budgets(self, ledger: LedgerSnapshot, trust: Trust) -> None:
        """Takes in that somebody who may file missions has changed the budget of one that runs here."""
        for name, job in self.jobs.by_mission.items():
            filed = ledger.open.get(name)
            if filed is None or filed.mission.budget_usd == job.budget_usd:
                continue
            if trust.authorize(ledger, filed).trusted:
                job.budget_usd = filed.mission.budget_usd
                self.executor.follow_budget(ledger, filed.mission, job.held.claim)

    @property
    def undelivered(self) -> bool:
        """Whether something runs, or waits for the remote to take it."""
        return self.handback.waiting or bool(self.jobs.by_mission)

    def _start(self, taken: Assignment) -> None:
        stopper, mission = CancelToken(), taken.mission
        box = self.messages.box(taken.ledger, taken.held, mission) if self.messages is not None else MessageBox()
        work = partial(self._work, taken, stopper, box)
        thread = threading.Thread(target=work, name=f"work-{mission.name}", daemon=True)
        self.jobs.by_mission[mission.name] = RunningJob(
            held=taken.held,
            mission=mission,
            thread=thread,
            cancel_token=stopper,
            box=box,
            budget_usd=mission.budget_usd,
        )
        if self.leases.fenced or self.leases.heartbeat_gaps != taken.heartbeat_gaps:
            stopper.stop(StopReason.FENCED)  # it stood still since it asked for this claim: given back at once
        else:
            attempt = taken.held.claim.attempt
            self.tell(
                "started", f"{mission.title.rstrip('.')}, attempt {attempt}", mission=mission.name, attempt=attempt
            )
        thread.start()

    def _work(self, taken: Assignment, stopper: CancelToken, box: MessageBox) -> None:
        claim, remarks = taken.held.claim, (taken.remark,) if taken.remark else ()
        try:
            attempt = self.executor.attempt(taken.ledger, taken.mission, claim, stopper, remarks, box)
            self.handback.post(taken.held, attempt, stopper.reason)
        except Exception as error:  # a mistake of ours must end the attempt: its slot and its claim hang on it
            attempt = self.executor.mistaken(taken.mission, claim, error)
            self.handback.post(taken.held, attempt, stopper.reason)
        self._note(attempt)
        self.executor.settle(claim)
        self.jobs.wake.set()

    def _note(self, attempt: EndedAttempt) -> None:
        """Usage is for people to look at: a database that cannot be written must not cost a result."""
        try:
            self.usage.record(attempt)
        except Exception as error:  # whatever the database's driver raises
            self.tell("usage", f"what {attempt.mission.name} took could not be noted: {error}")
