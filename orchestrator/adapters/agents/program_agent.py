"""How does an agent's command-line program do missions?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.execution.attempt import AttemptRunner
from orchestrator.execution.program_round import ProgramWorker
from orchestrator.execution.programs.port import Program


@dataclass(frozen=True, kw_only=True)
class ProgramAgent:
    """A program that changes files in a clone, or answers from an empty folder where there is no project.

    `environ` is where the keys to models' APIs are; they never get into the sandbox.
    """

    program: Program
    attempts: AttemptRunner
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def name(self) -> str:
        """The program's."""
        return self.program.name

    def missing(self) -> str | None:
        """What the program or the sandbox lacks."""
        return self.program.missing() or self.attempts.sandbox.missing()

    def run(self, job: AgentJob, stop: Stop) -> Outcome:
        """One attempt, in rounds. Raises OrchestratorError for what is wrong with this node."""
        worker = ProgramWorker(program=self.program, sandbox=self.attempts.sandbox, environ=self.environ)
        return self.attempts.carry_out(job, stop, worker)
