"""What does one turn (a round of work) come to, whoever does it: a program, a command line, a model with tools?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from handoff.secrets.excerpts import redacted_line
from missions.lease import QUESTION_REASON
from orchestrator.core.ports.agent import AgentJob
from orchestrator.core.quota_window import QuotaWindow
from orchestrator.execution.bounds import AttemptLimits
from orchestrator.execution.process.runner import Ending
from orchestrator.execution.programs.port import ErrorKind, ParsedOutput
from orchestrator.execution.workspace.attempt_dir import AttemptDir

MAX_QUESTION_CHARS = 400
"""Characters of a question in the reason of a mission that rests; its result has all of it."""


@dataclass(frozen=True, kw_only=True)
class RoundResult:
    """One round. `says` is its summary without a full stop, `output` what a person should see of it.

    `ending` is TIMEOUT or STOPPED only where that cut the work off: a program that hung after its last event had
    ended, and has no exit code of its own. `why` is what it took too much of, where that ended it; `parked` says why
    only a person can help. `leaves` are globs of files that whoever worked leaves in the tree for itself.
    """

    told: ParsedOutput
    says: str = ""
    ending: Ending = Ending.EXIT
    exit_code: int | None = None
    output: str = ""
    seconds: float = 0.0
    why: str = ""
    parked: str = ""
    notes: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    windows: tuple[QuotaWindow, ...] = ()
    """What was declared of the windows of the account with which it worked."""
    unanswered: bool = False
    """Whether it ended because its model could not be asked."""
    asks: str = ""
    """What it asked a person, if it rests because nobody has answered."""

    @property
    def fault(self) -> str:
        """Why it is no work that could be handed over, in one line; "" if it ended as it should."""
        if self.parked:
            return self.parked
        if self.ending is not Ending.EXIT:
            return describe_cut_off(self.ending, self.seconds, self.why)
        why = f": {self.told.error}" if self.told.error else ""
        if self.told.trouble:
            return f"{self.told.trouble}{why}"
        if self.exit_code:
            return f"ended with exit code {self.exit_code}{why}"
        return self.told.error or ("" if self.told.ended else "ended without its last event: the work may be cut off")

    @property
    def out_of_quota(self) -> bool:
        """Whether it ended because a window of its account is declared used up. Its words alone never say so, nor does
        a window alone: another fault, a time that is over or a broken tree, is the work's own."""
        return is_quota_reason(self.parked) and any(each.exhausted for each in self.windows)

    @property
    def did_nothing(self) -> bool:
        """Whether it ended by itself before anything was done."""
        told = self.told
        failed = self.ending is Ending.EXIT and bool(self.fault) and not self.parked
        return failed and not (told.ended or told.usage.tokens_out)


def question_reason(question: str) -> str:
    """Why a mission rests whose agent asked a person something."""
    return f"{QUESTION_REASON}{redacted_line(question, MAX_QUESTION_CHARS)}"


def is_quota_reason(parked: str) -> bool:
    """Whether a round that waits for a person does so for an account's quota."""
    return parked.partition(":")[0] == ErrorKind.QUOTA


def describe_cut_off(ending: Ending, seconds: float, why: str) -> str:
    """What is said of something that did not end by itself."""
    if ending is Ending.STOPPED:
        return "stopped before it ended"
    if ending is Ending.TIMEOUT:
        return f"not ended after {seconds:.0f} s: its time was over"
    return f"ended by the node: {why}"


class RoundWorker(Protocol):
    """Does the work of an attempt, a round at a time."""

    @property
    def name(self) -> str:
        """What a mission's `agent:` calls it."""

    @property
    def repeats(self) -> bool:
        """Whether work that is not right yet can go back to it."""

    def version(self) -> str:
        """Its program and version; "" where there is none."""

    def begin(self, job: AgentJob) -> str:
        """What it is told first. What it is told later follows from what was wrong."""

    def work(self, prompt: str, site: AttemptDir, bounds: AttemptLimits) -> RoundResult:
        """One round at `site`. Ends within 5 s of a stop, leaving no process behind.

        Raises OrchestratorError and OSError only for what is wrong with this node.
        """
