"""Facts about missions that are one command line."""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from missions.mission import Mission
from orchestrator.adapters.agents.command import CommandAgent
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.adapters.sandbox.none import NoSandbox
from orchestrator.core.ports.agent import AgentJob, Outcome, Project
from orchestrator.execution.process import runner
from orchestrator.execution.workspace.clone import Workspaces
from tests.orchestrator.conftest import gone
from tests.orchestrator.repositories import Server
from tests.waiting import once

MISSION = Mission(name="fix", title="Fix the door", body="", agent="command", project="shop", timeout_seconds=60)


@pytest.fixture
def agent(tmp_path: Path, bubblewrap: Bubblewrap) -> CommandAgent:
    """The agent in the real sandbox."""
    return CommandAgent(
        sandbox=bubblewrap, workspaces=Workspaces(cache=tmp_path / "cache", sandbox=bubblewrap), node="desk"
    )


def job_for(server: Server | None, tmp_path: Path, **mission: object) -> AgentJob:
    """One attempt, with a folder of its own."""
    folder = tmp_path / f"job-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    project = Project(name="shop", url=str(server.folder)) if server else None
    wanted = replace(MISSION, project="shop" if server else None, **mission)  # type: ignore[arg-type]
    return AgentJob(mission=wanted, attempt=2, project=project, context="", folder=folder, say=lambda line: None)


def attempt(agent: CommandAgent, job: AgentJob) -> Outcome:
    """What comes of it when nobody stops it."""
    return agent.run(job, threading.Event())


def test_done(agent: CommandAgent, server: Server, tmp_path: Path) -> None:
    """A command's change comes back as diff, files, output, base and a branch on the project's server."""
    said: list[str] = []
    job = replace(job_for(server, tmp_path, run="echo more >> README.md; echo done"), say=said.append)
    base = server.refs()["main"]
    outcome = attempt(agent, job)
    assert outcome.ok
    assert (outcome.exit_code, outcome.output, outcome.error) == (0, "done\n", "")
    assert (outcome.base, outcome.branch, outcome.files) == (base, "shiftbook/fix/2", ("README.md",))
    assert outcome.sandbox == "bubblewrap"
    assert "+more" in outcome.diff
    assert said == ["done"]
    assert (job.folder / "diff.patch").read_text() == outcome.diff
    assert "hello\nmore" in server.show("shiftbook/fix/2:README.md")
    assert "ended with 0" in outcome.summary
    assert "1 file changed" in outcome.summary


def test_code(agent: CommandAgent, server: Server, tmp_path: Path) -> None:
    """A command that fails is not ok; its output, diff and branch are kept all the same."""
    outcome = attempt(agent, job_for(server, tmp_path, run="echo half > new; echo broke >&2; exit 4"))
    assert not outcome.ok
    assert (outcome.exit_code, outcome.output, outcome.error) == (4, "broke\n", "ended with exit code 4")
    assert "+half" in outcome.diff
    assert outcome.branch == "shiftbook/fix/2"


def test_out_of_scope(agent: CommandAgent, server: Server, tmp_path: Path) -> None:
    """A change outside of the scope is not ok, names the files, keeps the diff and pushes nothing."""
    line = "echo x >> src/app.py; echo x >> README.md; git mv README.md src/ 2>/dev/null; mv src/old.py .github.yml"
    outcome = attempt(agent, job_for(server, tmp_path, run=line, scope=("src/**",)))
    assert not outcome.ok
    assert outcome.error == "changed outside of its scope: .github.yml, README.md"
    assert "src/app.py" in outcome.diff
    assert outcome.branch is None
    assert list(server.refs()) == ["main"]


def test_in_scope(agent: CommandAgent, server: Server, tmp_path: Path) -> None:
    """A change within the scope is ok."""
    outcome = attempt(agent, job_for(server, tmp_path, run="echo x >> src/app.py", scope=("src/**",)))
    assert outcome.ok
    assert outcome.branch


def test_no_change(agent: CommandAgent, server: Server, tmp_path: Path) -> None:
    """A command that changes nothing is ok, with an empty diff and no branch."""
    outcome = attempt(agent, job_for(server, tmp_path, run="true"))
    assert outcome.ok
    assert (outcome.diff, outcome.files, outcome.branch) == ("", (), None)


def test_no_project(agent: CommandAgent, tmp_path: Path) -> None:
    """Without a project it runs in an empty folder, and what it leaves there is listed."""
    outcome = attempt(agent, job_for(None, tmp_path, run="ls -A; mkdir sub; echo x > sub/made; ln -s /etc up"))
    assert outcome.ok
    assert (outcome.output, outcome.files, outcome.diff, outcome.base) == ("", ("sub/made", "up"), "", None)


def test_environment(agent: CommandAgent, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is told its mission and attempt, and none of the node's secrets."""
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    outcome = attempt(agent, job_for(server, tmp_path, run="env; touch ~/note && ls $HOME"))
    assert "SHIFTBOOK_MISSION=fix\n" in outcome.output
    assert "SHIFTBOOK_ATTEMPT=2\n" in outcome.output
    assert "note" in outcome.output
    assert "sesame" not in outcome.output


def test_timeout(agent: CommandAgent, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs too long is ended, not ok, and what it did till then is kept."""
    late = [0.0]
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + late[0], sleep=time.sleep))
    job = job_for(server, tmp_path, run="echo x > new; sleep 600", timeout_seconds=900)
    with once(lambda: list(job.folder.rglob("new")), lambda: late.append(late.pop() + 1000)):
        outcome = attempt(agent, job)
    assert not outcome.ok
    assert not outcome.cancelled
    assert "its time was over" in outcome.error
    assert outcome.files == ("new",)


def test_stop(agent: CommandAgent, server: Server, tmp_path: Path) -> None:
    """A stop ends it at once and not when its minutes are over, says cancelled, keeps the diff and pushes nothing."""
    stop, name = threading.Event(), f"stray-{uuid.uuid4().hex}"
    line = f"(setsid sh -c 'trap \"\" TERM; echo x > new; while :; do sleep 0.1; done # {name}' &); sleep 600"
    job = job_for(server, tmp_path, run=line, timeout_seconds=300)
    with once(lambda: list(job.folder.rglob("new")), stop.set):
        outcome = agent.run(job, stop)
    assert outcome.cancelled
    assert not outcome.ok
    assert "+x" in outcome.diff
    assert outcome.branch is None
    assert list(server.refs()) == ["main"]
    assert gone(name)


def test_flood(agent: CommandAgent, server: Server, tmp_path: Path) -> None:
    """50 MB of output are cut to 10, and the outcome says so."""
    outcome = attempt(agent, job_for(server, tmp_path, run="yes | head -c 50000000"))
    assert outcome.ok
    assert len(outcome.output) < 11 * 1024 * 1024
    assert any("were not kept" in note for note in outcome.notes)


def test_push_failed(agent: CommandAgent, server: Server, tmp_path: Path) -> None:
    """A server that refuses the branch is a note: the work is done, its diff is there and its commit is kept."""
    hook = server.folder / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    outcome = attempt(agent, job_for(server, tmp_path, run="echo x > new"))
    assert outcome.ok
    assert outcome.branch is None
    assert outcome.commit
    assert any("was not pushed" in note and "mission deliver" in note for note in outcome.notes)


def test_no_server(agent: CommandAgent, server: Server, tmp_path: Path) -> None:
    """A project that cannot be cloned is a failed attempt that says why."""
    job = job_for(server, tmp_path, run="true")
    shutil.rmtree(server.folder)
    outcome = attempt(agent, job)
    assert not outcome.ok
    assert "no workspace for project shop" in outcome.error


def test_nothing_to_run(agent: CommandAgent, server: Server, tmp_path: Path) -> None:
    """A mission without a command, or with a project that nobody knows, is refused with the reason."""
    assert "`run:`" in attempt(agent, job_for(server, tmp_path)).error
    job = replace(job_for(server, tmp_path, run="true"), project=None)
    assert "shop is not in fleet.toml" in attempt(agent, job).error


def test_without_sandbox(server: Server, tmp_path: Path) -> None:
    """Without a sandbox the outcome says what was lacking; a hook that the command plants does not run."""
    agent = CommandAgent(sandbox=NoSandbox(), workspaces=Workspaces(cache=tmp_path / "cache"), node="desk")
    plant = (
        f"mkdir -p ../git/hooks; printf '#!/bin/sh\\ntouch {tmp_path}/sprung\\n' > ../git/hooks/reference-transaction"
    )
    line = f"{plant}; chmod +x ../git/hooks/*; git config core.fsmonitor {tmp_path}/x; echo x > new"
    outcome = attempt(agent, job_for(server, tmp_path, run=line))
    assert outcome.ok
    assert outcome.sandbox == "none"
    assert any("no sandbox" in note for note in outcome.notes)
    assert not (tmp_path / "sprung").exists()


def test_missing() -> None:
    """It cannot work where its sandbox cannot."""
    sandbox = Bubblewrap(program="no-such-bwrap")
    agent = CommandAgent(sandbox=sandbox, workspaces=Workspaces(cache=Path("/nowhere")), node="desk")
    assert "not installed" in (agent.missing() or "")
