"""How is a mission done that is one command line?"""

from __future__ import annotations

from dataclasses import dataclass

from handoff.secrets.excerpts import redacted_excerpt
from missions.path_scope import outside_scope
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop, Usage
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.execution.attempt import AttemptRunner
from orchestrator.execution.bounds import AttemptLimits
from orchestrator.execution.dev_services.served_run import run_served
from orchestrator.execution.process.runner import CommandResult, Ending
from orchestrator.execution.programs.port import ParsedOutput
from orchestrator.execution.project_setup import ProjectSetups
from orchestrator.execution.turn import RoundResult
from orchestrator.execution.verification import ScopeCheck
from orchestrator.execution.workspace.attempt_dir import AttemptDir, confinement_for
from orchestrator.execution.workspace.clone import Workspaces


@dataclass(frozen=True, kw_only=True)
class CommandAgent:
    """Runs a mission's `run` line with /bin/sh in a sandbox. `node` signs the commit; `network` opens the network."""

    sandbox: Sandbox
    workspaces: Workspaces
    node: str
    network: bool = False
    scope: ScopeCheck = outside_scope
    setups: ProjectSetups | None = None
    name: str = "command"

    def missing(self) -> str | None:
        """What the sandbox lacks."""
        return self.sandbox.missing()

    def run(self, job: AgentJob, stop: Stop) -> Outcome:
        """One attempt. A failed command's branch is pushed, too; not one that left its scope or was stopped."""
        if not job.mission.run:
            why = "a mission for the agent `command` needs a `run:` line"
            return Outcome(ok=False, summary="Not started.", error=why)
        attempts = AttemptRunner(
            sandbox=self.sandbox, workspaces=self.workspaces, node=self.node, scope=self.scope, setups=self.setups
        )
        worker = _CommandWorker(line=job.mission.run, sandbox=self.sandbox, network=self.network)
        return attempts.carry_out(job, stop, worker)


@dataclass(frozen=True, kw_only=True)
class _CommandWorker:
    """A command line as one who works: it has no session, so nothing goes back to it."""

    line: str
    sandbox: Sandbox
    network: bool
    name: str = "command"
    repeats: bool = False

    def version(self) -> str:
        """None."""
        return ""

    def begin(self, job: AgentJob) -> str:
        """Nothing: nobody would read it."""
        return ""

    def work(self, prompt: str, site: AttemptDir, bounds: AttemptLimits) -> RoundResult:
        """Runs it. Nobody reads the prompt: the handoff stands in the files that agents read."""
        environment = site.environment(site.home)
        confinement = confinement_for(site, environment, network=self.network)
        ran = run_served(
            self.sandbox,
            ["/bin/sh", "-c", self.line],
            confinement,
            project=site.job.project,
            services=site.job.project.agent_services if site.job.project else (),
            folder=site.job.folder,
            output=site.job.folder / "output.log",
            timeout=bounds.left,
            stop=bounds.stop,
            say=site.job.say,
        )
        return RoundResult(
            told=ParsedOutput(ended=ran.ending is Ending.EXIT, usage=Usage(seconds=ran.seconds)),
            says=_describe_run(self.line, ran),
            ending=ran.ending,
            exit_code=ran.exit_code,
            output=ran.output,
            seconds=ran.seconds,
            why=ran.why,
            parked=ran.why if ran.ending is Ending.DISK else "",
            notes=_cut_notes(ran),
        )


def _describe_run(line: str, ran: CommandResult) -> str:
    first = line.strip().splitlines()[0] if line.strip() else line
    how = {Ending.EXIT: f"ended with {ran.exit_code}", Ending.TIMEOUT: "ran out of time", Ending.STOPPED: "was stopped"}
    return f"`{redacted_excerpt(first, 60)}` {how.get(ran.ending, 'was ended by the node')} after {ran.seconds:.1f} s"


def _cut_notes(ran: CommandResult) -> tuple[str, ...]:
    return (f"{ran.cut_bytes:,} bytes in the middle of the output were not kept",) if ran.cut_bytes else ()
