"""Facts about the handoff in the files that agents read, in real clones."""

from __future__ import annotations

import os
import stat
import threading
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from handoff.agents_file import BEGIN, END, insert_handoff
from missions.mission import Mission
from orchestrator.adapters.agents.command import CommandAgent
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.ports.agent import AgentJob, Outcome, Project
from orchestrator.execution.workspace import agents_md
from orchestrator.execution.workspace.clone import Workspaces
from tests.orchestrator.repositories import Server, git

MISSION = Mission(name="fix", title="Fix the door", body="", agent="command", project="shop", timeout_seconds=20)
HANDOFF = "## Standing rules\n\n- Prices are integers.\n"


class Desk:
    """Runs command lines as attempts at one project."""

    def __init__(self, server: Server, sandbox: Bubblewrap, tmp: Path) -> None:
        self.server, self.tmp = server, tmp
        self.agent = CommandAgent(sandbox=sandbox, workspaces=Workspaces(cache=tmp / "cache"), node="desk")

    def run(self, line: str, *, scope: tuple[str, ...] = ()) -> Outcome:
        """One attempt, with the handoff."""
        folder = self.tmp / f"job-{uuid.uuid4().hex[:6]}"
        folder.mkdir()
        mission = replace(MISSION, name=folder.name, run=line, scope=scope)
        project = Project(name="shop", url=str(self.server.folder))
        job = AgentJob(mission=mission, attempt=1, project=project, context=HANDOFF, folder=folder, say=lambda _: None)
        return self.agent.run(job, threading.Event())

    def file(self, outcome: Outcome, path: str) -> bytes:
        """A file on the branch that came back, byte for byte."""
        assert outcome.branch
        return (git(self.server.folder, "show", f"{outcome.branch}:{path}") + "\n").encode()


@pytest.fixture
def desk(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> Desk:
    """A node's desk with a project that has neither of the two files."""
    return Desk(server, bubblewrap, tmp_path)


def test_a_project_without_the_files(desk: Desk) -> None:
    """The agent finds the handoff in AGENTS.md and a pointer in CLAUDE.md; neither is in what comes back."""
    outcome = desk.run("cat AGENTS.md CLAUDE.md; echo more >> README.md", scope=("README.md",))
    assert outcome.ok
    assert "- Prices are integers." in outcome.output
    assert "\n@AGENTS.md\n" in outcome.output
    assert outcome.files == ("README.md",)
    assert "shiftbook" not in outcome.diff


def test_a_run_that_changes_nothing_hands_nothing_back(desk: Desk) -> None:
    """A handoff alone is no change."""
    outcome = desk.run("true")
    assert (outcome.ok, outcome.files, outcome.diff, outcome.branch) == (True, (), "", None)


@pytest.mark.parametrize("text", ["# Us\n\nUse tabs.\n", "# Us\r\n\r\nUse tabs.\r\n", "# Us", "# Us\n\n```\nopen\n"])
def test_a_project_that_has_one(desk: Desk, text: str) -> None:
    """Its own words stand above the handoff while the agent runs; afterwards the file is what it was, byte for byte."""
    (desk.server.person / "AGENTS.md").write_bytes(text.encode())
    desk.server.push({"x": "x\n"})
    outcome = desk.run("cat AGENTS.md; echo y > x")
    assert "# Us" in outcome.output
    assert "- Prices are integers." in outcome.output
    assert outcome.files == ("x",)


def test_an_agent_that_edits_its_own_part(desk: Desk) -> None:
    """What it changed outside the markers comes back; what is between them does not."""
    desk.server.push({"AGENTS.md": "# Us\n\nUse tabs.\n"})
    outcome = desk.run("sed -i s/tabs/spaces/ AGENTS.md; printf '\\n- learned\\n' >> AGENTS.md")
    assert outcome.files == ("AGENTS.md",)
    assert desk.file(outcome, "AGENTS.md") == b"# Us\n\nUse spaces.\n\n- learned\n"
    assert "shiftbook" not in outcome.diff


def test_an_agent_that_writes_into_a_file_of_ours(desk: Desk) -> None:
    """A file that was not there comes back with the agent's words only."""
    outcome = desk.run("printf '\\n# New\\n' >> AGENTS.md; printf '# Mine\\n' > CLAUDE.md")
    assert outcome.files == ("AGENTS.md", "CLAUDE.md")
    assert desk.file(outcome, "AGENTS.md").strip() == b"# New"
    assert desk.file(outcome, "CLAUDE.md") == b"# Mine\n"


def test_an_agent_that_edits_between_the_markers(desk: Desk) -> None:
    """That part is not the agent's: nothing comes back."""
    desk.server.push({"AGENTS.md": "# Us\n"})
    assert desk.run("sed -i 's/Prices are/Obey me, prices are not/' AGENTS.md").files == ()


def test_an_agent_that_deletes_it(desk: Desk) -> None:
    """A file of the project that the agent deleted is deleted; one of ours was never there."""
    desk.server.push({"AGENTS.md": "# Us\n"})
    outcome = desk.run("rm AGENTS.md CLAUDE.md")
    assert outcome.files == ("AGENTS.md",)
    assert "-# Us" in outcome.diff


def test_a_block_that_the_project_committed(desk: Desk) -> None:
    """An older handoff in the project's own file is replaced for the run, and is the project's again afterwards."""
    desk.server.push({"AGENTS.md": insert_handoff("# Us\n", "- Prices are floats.\n")})
    outcome = desk.run("cat AGENTS.md; echo below >> AGENTS.md")
    assert "floats" not in outcome.output
    assert desk.file(outcome, "AGENTS.md") == insert_handoff("# Us\n", "- Prices are floats.\n").encode() + b"below\n"


def test_a_claude_file_that_points_there_already(desk: Desk) -> None:
    """It is left as it is."""
    desk.server.push({"CLAUDE.md": "@AGENTS.md\n"})
    assert desk.run("cat CLAUDE.md; git status --short CLAUDE.md").output == "@AGENTS.md\n"


def test_one_file_that_is_a_link_to_the_other(desk: Desk) -> None:
    """The plain file of the two carries the handoff, whichever it is; the link stays a link."""
    (desk.server.person / "CLAUDE.md").write_text("# Us\n")
    (desk.server.person / "AGENTS.md").symlink_to("CLAUDE.md")
    desk.server.push({"x": "x\n"})
    outcome = desk.run("cat AGENTS.md; readlink AGENTS.md; echo y > x")
    assert "- Prices are integers." in outcome.output
    assert outcome.output.endswith("CLAUDE.md\n")
    assert outcome.files == ("x",)


def test_a_link_out_of_the_repository_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    """Neither one that the repository brings nor one that the agent leaves behind writes outside of the tree."""
    outside = tmp_path / "outside"
    outside.write_text("mine\n")
    (desk.server.person / "AGENTS.md").symlink_to(outside)
    desk.server.push({"x": "x\n"})
    assert desk.run("true").files == ()
    assert outside.read_text() == "mine\n"
    desk.server.push({"CLAUDE.md": "# Us\n"})
    outcome = desk.run(f"rm CLAUDE.md; ln -s {outside} CLAUDE.md")
    assert outcome.files == ("CLAUDE.md",)
    assert outside.read_text() == "mine\n"


def test_a_second_name_of_a_file_keeps_its_words(tmp_path: Path) -> None:
    """Taking the handoff out writes a new file: what is linked to the old one is not changed."""
    laid = agents_md.write_handoff(tmp_path, HANDOFF)
    (tmp_path / "AGENTS.md").write_text("# Agent\n" + (tmp_path / "AGENTS.md").read_text())
    os.link(tmp_path / "AGENTS.md", tmp_path / "other")
    words = (tmp_path / "other").read_text()
    agents_md.restore_files(laid)
    assert (tmp_path / "AGENTS.md").read_text() == "# Agent\n"
    assert (tmp_path / "other").read_text() == words


def test_mode_and_bytes_are_kept(tmp_path: Path) -> None:
    """A file keeps its mode, and bytes that are no UTF-8 stay what they are."""
    path = tmp_path / "AGENTS.md"
    path.write_bytes(b"caf\xe9\n")
    path.chmod(0o755)
    laid = agents_md.write_handoff(tmp_path, HANDOFF)
    assert path.read_bytes().startswith(b"caf\xe9\n" + BEGIN.encode())
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    agents_md.restore_files(laid)
    assert path.read_bytes() == b"caf\xe9\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_removing(tmp_path: Path) -> None:
    """What is ours goes; a file that held nothing else goes, too."""
    (tmp_path / "AGENTS.md").write_text("# Us")
    agents_md.write_handoff(tmp_path, HANDOFF)
    assert END in (tmp_path / "CLAUDE.md").read_text()
    assert [path.name for path in agents_md.remove_from_folder(tmp_path)] == ["AGENTS.md", "CLAUDE.md"]
    assert (tmp_path / "AGENTS.md").read_text() == "# Us"
    assert not (tmp_path / "CLAUDE.md").exists()
    assert agents_md.remove_from_folder(tmp_path) == []


def test_without_a_handoff_nothing_is_written(tmp_path: Path) -> None:
    """Nothing to say is no file."""
    assert agents_md.write_handoff(tmp_path, " \n") == ()
    assert list(tmp_path.iterdir()) == []


def test_what_carries_the_handoff_is_no_result(desk: Desk) -> None:
    """Packed it cannot be taken out: the attempt has failed, says why, and nothing is pushed."""
    outcome = desk.run("tar cf pack.tar AGENTS.md; echo x > new")
    assert not outcome.ok
    assert outcome.error == "carries the handoff, which stays with the fleet: pack.tar"
    assert (outcome.branch, outcome.commit) == (None, None)


def test_a_copy_is_taken_out_and_told(desk: Desk) -> None:
    """The rest of the work is handed over."""
    outcome = desk.run("cp AGENTS.md copy.md; echo x > new")
    assert outcome.ok
    assert outcome.files == ("new",)
    assert "the handoff was taken out of copy.md: it is not the project's" in outcome.notes


def test_a_formatter_may_rewrite_the_markers(desk: Desk) -> None:
    """They are ours still, and the file is what it would be without them."""
    outcome = desk.run("sed -i 's/<!-- shiftbook:begin -->/<!--shiftbook: begin-->/' AGENTS.md; echo x > new")
    assert outcome.ok, outcome.error
    assert outcome.files == ("new",)


def test_a_folder_in_place_of_the_rules(tmp_path: Path) -> None:
    """Is no file of rules, and no handle of it is left open; a pipe neither."""
    (tmp_path / "AGENTS.md").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert agents_md.read_plain_file(tmp_path / "AGENTS.md") is None
    assert agents_md.read_plain_file(tmp_path / "pipe") is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before
