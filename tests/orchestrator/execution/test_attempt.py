"""Facts about one attempt of an agent's program, from clone to outcome, in the real sandbox and with real git."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from missions.mission import Mission
from orchestrator.adapters.agents.program_agent import ProgramAgent
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.ports.agent import AgentJob, Outcome, Project
from orchestrator.execution.attempt import AttemptRunner
from orchestrator.execution.process import runner
from orchestrator.execution.prompts import short_prompt
from orchestrator.execution.workspace.clone import Workspaces
from tests.conftest import lacking
from tests.missions.attachments.pictures import png
from tests.orchestrator.conftest import gone, living
from tests.orchestrator.execution.scripted import BEGIN, END, Purse, Scripted, event, spent
from tests.orchestrator.repositories import Server, git
from tests.waiting import once

MISSION = Mission(
    name="fix", title="Fix the door", body="It squeaks.", task="coding_task", agent="claude", timeout_seconds=60
)
ROOT = Path(__file__).parents[3]
HANDOFF = "## Standing rules\n\n- Prices are integers.\n"
CHANGE = "echo more >> README.md"


def script(*lines: str) -> str:
    """One round of a program."""
    return "\n".join(lines)


GOOD = script(BEGIN, CHANGE, END)


@dataclass
class Desk:
    """A node that runs scripted programs on one project."""

    server: Server
    sandbox: Bubblewrap
    tmp: Path
    said: list[str] = field(default_factory=list)
    linger: float = 30.0
    program: Scripted = field(default_factory=lambda: Scripted(scripts=()))
    job: AgentJob | None = None

    def make(self, **fields: object) -> AgentJob:
        """A job, with its project's tests and the like as named."""
        words = ("scope", "timeout_seconds", "budget_usd", "task", "name", "title", "body", "approve")
        mission = replace(MISSION, **{key: fields.pop(key) for key in words if key in fields})  # type: ignore[arg-type]
        folder = self.tmp / f"job-{uuid.uuid4().hex[:6]}"
        folder.mkdir()
        project = Project(name="shop", url=str(self.server.folder), test=fields.pop("test", None))  # type: ignore[arg-type]
        if fields.pop("project", True):
            mission = replace(mission, project="shop")
        job = AgentJob(
            mission=mission,
            attempt=1,
            project=project if mission.project else None,
            context=HANDOFF,
            folder=folder,
            say=self.said.append,
        )
        return replace(job, **fields)  # type: ignore[arg-type]

    def run(
        self, *scripts: str, stop: threading.Event | None = None, leaves: tuple[str, ...] = (), **fields: object
    ) -> Outcome:
        """One attempt of a program that does these rounds."""
        job = fields.pop("job", None)
        self.job = job if isinstance(job, AgentJob) else self.make(**fields)
        self.program = Scripted(scripts=scripts, leaves=leaves)
        return self.agent().run(self.job, stop or threading.Event())

    def agent(self) -> ProgramAgent:
        """The program as an agent."""
        attempts = AttemptRunner(
            sandbox=self.sandbox,
            workspaces=Workspaces(cache=self.tmp / "cache"),
            node="desk",
            linger=self.linger,
        )
        return ProgramAgent(program=self.program, attempts=attempts)

    def prompts(self) -> list[str]:
        """What the program was given, round by round."""
        return [brief.prompt for brief in self.program.briefs]


@pytest.fixture
def desk(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> Desk:
    """A desk with nothing on it."""
    return Desk(server=server, sandbox=bubblewrap, tmp=tmp_path)


def test_done(desk: Desk) -> None:
    """Work that is right comes back as a commit with trailers on a branch, a diff, counts, usage and a summary."""
    outcome = desk.run(script(BEGIN, CHANGE, event(say="reading"), spent(0.02), END), test="grep more README.md")
    assert (outcome.ok, outcome.error, outcome.parked, outcome.tested, outcome.rounds) == (True, "", "", True, 0)
    assert (outcome.branch, outcome.files, outcome.session) == ("shiftbook/fix/1", ("README.md",), "s-1")
    assert outcome.commit == desk.server.refs()["shiftbook/fix/1"]
    assert outcome.base == desk.server.refs()["main"]
    assert outcome.changes
    assert (outcome.changes.added, outcome.changes.removed, outcome.changes.binaries) == (1, 0, ())
    assert (outcome.usage.cost_usd, outcome.usage.tokens_in, outcome.usage.model) == (0.02, 100, "m-1")
    assert (outcome.program, outcome.sandbox, outcome.exit_code) == ("scripted 1.2.3", "bubblewrap", 0)
    assert outcome.answer == "Done. All is well."
    assert "1 file changed. Done." in outcome.summary
    trailers = git(desk.server.folder, "show", "--no-patch", "--format=%an|%s|%(trailers:unfold)", "shiftbook/fix/1")
    assert trailers.splitlines() == [
        "desk|Fix the door|Shiftbook-Mission: fix",
        "Shiftbook-Attempt: 1",
        "Shiftbook-Agent: scripted 1.2.3",
        "Shiftbook-Model: m-1",
    ]
    assert "reading" in desk.said


def test_second_round(desk: Desk) -> None:
    """A failing test goes back to the same session with what it printed; the second round counts with the first."""
    first = script(BEGIN, "echo wrong > door", spent(0.01), END)
    second = script(BEGIN, "echo right > door", spent(0.02), END)
    outcome = desk.run(first, second, test='cat door; test "$(cat door)" = right')
    assert (outcome.ok, outcome.tested, outcome.rounds) == (True, True, 1)
    assert [brief.session for brief in desk.program.briefs] == ["", "s-1"]
    assert "exit code 1" in desk.prompts()[1]
    assert "    wrong" in desk.prompts()[1]
    assert outcome.usage.cost_usd == pytest.approx(0.03)
    assert desk.server.show("shiftbook/fix/1:door") == "right"


def test_rounds_end(desk: Desk) -> None:
    """Work that never gets right has failed after the first try and `rounds` more; its diff and branch are kept."""
    outcome = desk.run(GOOD, test="echo no door; exit 3", rounds=1)
    assert (outcome.ok, outcome.tested, outcome.rounds, outcome.cancelled, outcome.parked) == (
        False,
        False,
        1,
        False,
        "",
    )
    assert outcome.error == "the project's tests do not pass: `echo no door; exit 3` ended with exit code 3"
    assert len(desk.prompts()) == 2
    assert outcome.branch
    assert "no door\n[ended with exit code 3]" in outcome.output


def test_no_rounds(desk: Desk) -> None:
    """With no rounds, nothing goes back."""
    outcome = desk.run(GOOD, test="false", rounds=0)
    assert (outcome.ok, outcome.rounds, len(desk.prompts())) == (False, 0, 1)


def test_what_tests_write_is_no_work(desk: Desk) -> None:
    """Files that the tests make, change or delete are as the agent left them, in the commit and for the next round."""
    test = (
        "test -e twice && exit 0; echo x > junk; mkdir d; echo x > d/junk; echo x >> README.md; rm src/old.py; exit 1"
    )
    second = script(BEGIN, "ls > seen; git status --short >> seen; touch twice", END)
    outcome = desk.run(GOOD, second, test=test)
    assert (outcome.ok, outcome.rounds) == (True, 1)
    assert outcome.files == ("README.md", "seen", "twice")
    assert "junk" not in desk.server.show("shiftbook/fix/1:seen")
    assert desk.server.show("shiftbook/fix/1:README.md") == "hello\nmore"


def test_tests_have_no_network_and_not_the_agents_home(desk: Desk) -> None:
    """The project's tests run as confined as a command, and cannot read what the agent keeps for itself."""
    agent = script(BEGIN, "echo secret > ~/kept", CHANGE, END)
    line = "grep -c : /proc/net/dev; cat ~/kept ../home/kept; touch ~/mine && echo home; echo $SHIFTBOOK_MISSION"
    outcome = desk.run(agent, test=line)
    assert outcome.ok
    assert outcome.output.splitlines()[-5:-1].count("secret") == 0
    assert "\n1\n" in outcome.output  # the loopback alone
    assert outcome.output.rstrip().endswith("home\nfix\n[passed]")
    assert (desk.job and desk.job.folder / "home/kept").read_text() == "secret\n"  # type: ignore[union-attr]


def test_scope(desk: Desk) -> None:
    """A breach goes back with the files' names; undone, the work is good."""
    undo = script(BEGIN, "git show HEAD:README.md > README.md", END)
    outcome = desk.run(script(BEGIN, CHANGE, "echo x >> src/app.py", END), undo, scope=("src/**",))
    assert (outcome.ok, outcome.rounds, outcome.files) == (True, 1, ("src/app.py",))
    assert "- README.md" in desk.prompts()[1]
    assert "`src/**`" in desk.prompts()[1]


def test_scope_to_the_end(desk: Desk) -> None:
    """A breach that stays is a failure that pushes nothing, whatever the tests say."""
    outcome = desk.run(GOOD, scope=("src/**",), test="true")
    assert (outcome.ok, outcome.branch, outcome.rounds) == (False, None, 2)
    assert outcome.error == "changed outside of its scope: README.md"
    assert list(desk.server.refs()) == ["main"]


def test_empty(desk: Desk) -> None:
    """A coding task without a change goes back; an answer to a question about the project is no failure."""
    outcome = desk.run(script(BEGIN, END))
    assert (outcome.ok, outcome.rounds, outcome.branch) == (False, 2, None)
    assert "nothing was changed" in outcome.error
    assert "No file was changed" in desk.prompts()[1]
    asked = desk.run(script(BEGIN, END), task="general_task")
    assert (asked.ok, asked.rounds, asked.answer) == (True, 0, "Done. All is well.")


def test_denials(desk: Desk) -> None:
    """A refusal fails the work, unless the next round does without; it is told all the same."""
    denied = script(BEGIN, CHANGE, event(denied="Bash: curl x"), END)
    outcome = desk.run(denied, GOOD)
    assert (outcome.ok, outcome.rounds, outcome.denials) == (True, 1, ("Bash: curl x",))
    assert "- Bash: curl x" in desk.prompts()[1]
    stubborn = desk.run(denied)
    assert (stubborn.ok, stubborn.rounds) == (False, 2)
    assert "was refused: Bash: curl x" in stubborn.error


@pytest.mark.parametrize("what", ["log-in", "quota", "budget"])
def test_parked(desk: Desk, what: str) -> None:
    """What only a person can put right parks the attempt: nothing is tried again, nothing pushed."""
    trouble = script(BEGIN, CHANGE, event(trouble=what, error="come back on Monday"), "exit 1")
    outcome = desk.run(trouble)
    assert (outcome.ok, outcome.parked) == (False, f"{what}: come back on Monday")
    assert (len(desk.prompts()), outcome.branch, outcome.cancelled) == (1, None, False)
    assert "+more" in outcome.diff


@pytest.mark.parametrize(
    ("script_", "error"),
    [
        (script(BEGIN, CHANGE, event(trouble="turn limit"), "exit 1"), "turn limit"),
        (script(BEGIN, CHANGE, event(trouble="model API", error="400"), END), "model API: 400"),
        (script(BEGIN, CHANGE, END, "exit 7"), "ended with exit code 7"),
        (script(BEGIN, CHANGE, "exit 0"), "ended without its last event: the work may be cut off"),
        (script(BEGIN, CHANGE, "kill -9 $$"), "ended with exit code 137"),
        ("exec /no/such/program", "ended with exit code 127"),
    ],
)
def test_failed(desk: Desk, script_: str, error: str) -> None:
    """Success is exit code AND last event AND no trouble: without one of them the attempt failed; no round helps."""
    outcome = desk.run(script_, test="true")
    assert (outcome.ok, outcome.parked, outcome.rounds, outcome.tested) == (False, "", 0, None)
    assert outcome.error == error


def test_hangs_after_its_result(desk: Desk) -> None:
    """A program that hangs after its last event is ended, all its processes with it, and its work is good."""
    desk.linger, name = 0.5, f"stray-{uuid.uuid4().hex}"
    loop = f"setsid sh -c 'trap \"\" TERM; while :; do sleep 0.1; done # {name}' &"
    outcome = desk.run(script(BEGIN, CHANGE, loop, END, "sleep 600"))
    assert (outcome.ok, outcome.exit_code) == (True, None)
    assert any("hung after its last event" in note for note in outcome.notes)
    assert gone(name)


def test_setsid_child(desk: Desk) -> None:
    """A child in a session of its own does not outlive its agent, nor hold up the result."""
    name = f"stray-{uuid.uuid4().hex}"
    loop = f"setsid sh -c 'trap \"\" TERM; while :; do sleep 0.1; done # {name}' >/dev/null 2>&1 &"
    outcome = desk.run(script(BEGIN, CHANGE, loop, END))
    assert (outcome.ok, outcome.exit_code) == (True, 0)
    assert gone(name)


def test_hangs_on_the_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that says nothing more is ended when its time is over; that is no success."""
    late = [0.0]
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + late[0], sleep=time.sleep))

    def changed() -> bool:
        return any("more" in file.read_text() for file in desk.tmp.glob("job-*/tree/README.md"))

    with once(changed, lambda: late.append(late.pop() + 1000)):
        outcome = desk.run(script(BEGIN, CHANGE, "sleep 600"), timeout_seconds=900)
    assert (outcome.ok, outcome.cancelled, outcome.rounds) == (False, False, 0)
    assert "its time was over" in outcome.error
    assert outcome.files == ("README.md",)


def test_long_lines(desk: Desk) -> None:
    """An event of 1 MB in one line, and 12 MB of lines before the last one, arrive whole."""
    long = "python3 -c \"import json; print(json.dumps({'end': 'x' * 1000000}))\""
    flood = "yes \"$(printf '%500s' 'a line that nobody reads')\" | head -c 12000000"
    outcome = desk.run(script(BEGIN, CHANGE, event(say="before"), flood, long))
    assert outcome.ok, outcome.error
    assert len(outcome.answer) == 1_000_000
    assert len(outcome.output) < 1_100_000


def test_budget(desk: Desk) -> None:
    """A program is ended when its budget is reached, not after; the attempt waits for a person, and no round begins."""
    purse = Purse(limit=0.05)
    loop = script(BEGIN, CHANGE, spent(0.02), "sleep 0.3", spent(0.06), "sleep 600", END)
    outcome = desk.run(loop, meter=purse, budget_usd=0.05, timeout_seconds=60)
    assert (outcome.ok, outcome.parked) == (False, "budget of the mission reached: $0.06 of $0.05")
    assert outcome.usage.cost_usd == 0.06
    assert purse.notes >= 2


def test_budget_between_rounds(desk: Desk) -> None:
    """What is left of the budget is told to each round; a finished round that took the rest is good if it is right."""
    purse = Purse(limit=0.05)
    wrong, right = (
        script(BEGIN, "echo x > bad", spent(0.02), END),
        script(BEGIN, "rm bad; echo x > good", spent(0.04), END),
    )
    outcome = desk.run(wrong, right, test="test ! -e bad", meter=purse, budget_usd=0.05)
    assert [brief.budget_usd for brief in desk.program.briefs] == [0.05, pytest.approx(0.03)]
    assert (outcome.ok, outcome.parked, outcome.usage.cost_usd) == (True, "", pytest.approx(0.06))
    again = desk.run(wrong, test="test ! -e bad", meter=Purse(limit=0.02), budget_usd=0.02)
    assert (again.ok, again.parked) == (False, "budget of the mission reached: $0.02 of $0.02")
    assert len(desk.prompts()) == 1


def test_stop(desk: Desk) -> None:
    """A cancelled attempt ends, keeps its diff, pushes nothing and is no parked one."""
    stop = threading.Event()
    with once(lambda: "changed" in desk.said, stop.set):
        outcome = desk.run(script(BEGIN, CHANGE, event(say="changed"), "sleep 600"), stop=stop)
    assert (outcome.ok, outcome.cancelled, outcome.parked, outcome.branch) == (False, True, "", None)
    assert "+more" in outcome.diff


def test_stop_in_the_tests(desk: Desk) -> None:
    """A stop while the project's tests run ends them, and the attempt is cancelled, not failed and not done."""
    stop, name = threading.Event(), f"stray-{uuid.uuid4().hex}"
    with once(lambda: living(name), stop.set):
        outcome = desk.run(GOOD, test=f"sleep 600 # {name}", stop=stop)
    assert (outcome.ok, outcome.cancelled, outcome.tested, outcome.branch) == (False, True, None, None)
    assert gone(name)


def test_leaves(desk: Desk) -> None:
    """What a program leaves for itself is no part of the work and still there in its next round."""
    first = script(BEGIN, "echo note > .tool.log; mkdir -p src/.tool.d; echo x > src/.tool.d/x; echo x > door", END)
    second = script(BEGIN, "cat .tool.log > door", END)
    outcome = desk.run(first, second, leaves=(".tool*",), test="grep note door")
    assert (outcome.ok, outcome.files) == (True, ("door",))


def test_leaves_of_the_project(desk: Desk) -> None:
    """A file of the project with such a name is its own: a change to it comes back."""
    desk.server.push({".tool.conf": "a\n"})
    outcome = desk.run(script(BEGIN, "echo b > .tool.conf; echo x > .tool.log", END), leaves=(".tool*",))
    assert outcome.files == (".tool.conf",)


def test_hostile_repository(desk: Desk) -> None:
    """Neither a git hook nor a setting of the project or of the agent runs outside of the sandbox."""
    sprung = desk.tmp / "sprung"
    hook = f"#!/bin/sh\ntouch {sprung}\n"
    start = [{"hooks": [{"type": "command", "command": f"touch {sprung}"}]}]
    settings = json.dumps({"hooks": {"SessionStart": start}})
    files = {
        ".githooks/pre-commit": hook,
        ".claude/settings.json": settings,
        ".gitattributes": "* filter=evil diff=evil\n",
    }
    desk.server.push(files)
    plant = (
        f"mkdir -p ../git/hooks; echo 'touch {sprung}' > ../git/hooks/pre-commit; git config core.hooksPath .githooks"
    )
    config = f"git config filter.evil.clean 'touch {sprung}'; git config core.fsmonitor 'touch {sprung}'"
    outcome = desk.run(script(BEGIN, plant, config, CHANGE, END), test=f"touch {sprung}; true")
    assert outcome.ok, outcome.error
    assert outcome.files == ("README.md",)
    assert not sprung.exists()


def test_prompt(desk: Desk) -> None:
    """The program is told task, rules, scope, tests, the handoff and why the last attempt was rejected."""
    see = script(BEGIN, CHANGE, "cat AGENTS.md; cat CLAUDE.md; env", END)
    outcome = desk.run(see, scope=("*.md",), test="true", comment="Use tabs.\nNot spaces.")
    prompt = desk.prompts()[0]
    for words in (
        "Fix the door",
        "It squeaks.",
        "`*.md`",
        "`true`",
        "Prices are integers",
        "> Use tabs.\n> Not spaces.",
    ):
        assert words in prompt
    assert "Prices are integers" in outcome.output
    assert "@AGENTS.md" in outcome.output
    assert "SHIFTBOOK_MISSION=fix" in outcome.output
    assert "SHIFTBOOK_ATTEMPT=1" in outcome.output
    assert outcome.files == ("README.md",)


def test_handoff_in_each_round(desk: Desk) -> None:
    """The tests see the project as it is handed over, each round of the agent the handoff."""
    first = script(BEGIN, CHANGE, END)
    second = script(BEGIN, "grep -q integers AGENTS.md && echo x > good", END)
    outcome = desk.run(first, second, test="test ! -e AGENTS.md && test -e good")
    assert (outcome.ok, outcome.rounds, outcome.files) == (True, 1, ("README.md", "good"))


def test_no_session(desk: Desk) -> None:
    """A program that names no session gets the task again, with what was wrong."""
    outcome = desk.run(script(CHANGE, END), test="exit 9", rounds=1)
    assert outcome.rounds == 1
    assert "It squeaks." in desk.prompts()[1]
    assert "exit code 9" in desk.prompts()[1]


def test_goes_on(desk: Desk) -> None:
    """An attempt that was parked goes on in its folder: same session, home, tree and base, though main has moved."""
    parked = desk.run(script(BEGIN, CHANGE, "echo mine > ~/kept", event(trouble="quota", error="none left"), "exit 1"))
    assert parked.parked == "quota: none left"
    assert desk.job
    desk.server.push({"other": "x\n"})
    job = replace(desk.job, goes_on=True)
    outcome = desk.run(script(event(session="s-1"), "cat ~/kept > found", END), job=job)
    assert (outcome.ok, outcome.base, outcome.branch) == (True, parked.base, "shiftbook/fix/1")
    assert outcome.files == ("README.md", "found")
    assert desk.program.briefs[0].session == "s-1"
    assert "Go on with the task" in desk.prompts()[0]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"agent": "codex", "attempt": 1, "session": "s", "base": "", "branch": ""}']
)
def test_does_not_go_on(desk: Desk, text: str) -> None:
    """A session file that is damaged or another agent's is none: the attempt begins afresh."""
    job = desk.make(goes_on=True)
    (job.folder / "tree").mkdir()
    (job.folder / "session.json").write_text(text)
    outcome = desk.run(GOOD, job=job)
    assert outcome.ok
    assert desk.program.briefs[0].session == ""


def test_without_project(desk: Desk) -> None:
    """Without a project it works in an empty folder, and what it says is the result."""
    outcome = desk.run(script(BEGIN, "ls -A; echo x > made", spent(0.01), END), project=False, task="general_task")
    assert (outcome.ok, outcome.answer, outcome.files) == (True, "Done. All is well.", ("made",))
    assert (outcome.branch, outcome.base, outcome.diff, outcome.changes) == (None, None, "", None)


def test_proposals(desk: Desk) -> None:
    """Files that it leaves for the purpose are proposals, within bounds; what is no plain small file is left out."""
    many = "for i in $(seq 30); do echo task $i > z$i.md; done"
    plant = "cd $SHIFTBOOK_PROPOSALS; echo do it > 'Paint the Door.md'; ln -s /etc/passwd evil.md; mkfifo pipe.md"
    big = "head -c 70000 /dev/zero | tr '\\0' x > big.md; printf '\\377' > bytes.md; echo x > no.txt; mkdir dir.md"
    outcome = desk.run(script(BEGIN, CHANGE, plant, big, many, END))
    assert outcome.ok, outcome.error
    assert outcome.proposals[0].name == "paint-the-door"
    assert outcome.proposals[0].text == "do it\n"
    assert len(outcome.proposals) == 20
    told = "\n".join(outcome.notes)
    for words in (
        "evil.md was left out",
        "pipe.md was left out",
        "big.md was left out",
        "bytes.md",
        "dir.md",
        "first 20",
    ):
        assert words in told
    assert outcome.files == ("README.md",)


def test_changes(desk: Desk) -> None:
    """Renames, modes, binaries, links and new executables are counted from Git's own tables."""
    work = (
        "git mv src/old.py src/new.py 2>/dev/null || mv src/old.py src/new.py; chmod +x src/app.py; ln -s /etc l; "
        "printf 'a\\0b' > bin; printf '#!/bin/sh\\n' > run.sh; chmod +x run.sh; echo '*.bin -diff' > .gitattributes"
    )
    found = desk.run(script(BEGIN, work, END)).changes
    assert found
    assert (found.renames, found.modes, found.links, found.binaries) == (1, ("src/app.py",), ("l",), ("bin",))
    assert found.executables == ("run.sh", "src/app.py")


def test_unknown_project(desk: Desk) -> None:
    """A mission whose project nobody knows is not started."""
    job = replace(desk.make(), project=None)
    assert "shop is not in fleet.toml" in desk.run(GOOD, job=job).error
    assert desk.prompts() == []


def test_session_that_is_lost(desk: Desk) -> None:
    """Where the program does not know its session any more, it begins anew on what is there, and loses no attempt."""
    parked = desk.run(script(BEGIN, CHANGE, event(trouble="quota"), "exit 1"))
    assert parked.parked == "quota"
    assert desk.job
    anew = script(event(session="s-2"), "echo x > door", END)
    outcome = desk.run("echo no such session >&2; exit 42", anew, job=replace(desk.job, goes_on=True))
    assert (outcome.ok, outcome.session, outcome.files) == (True, "s-2", ("README.md", "door"))
    assert [brief.session for brief in desk.program.briefs] == ["s-1", ""]
    assert "It squeaks." in desk.prompts()[1]


def test_submodules_and_lfs(desk: Desk) -> None:
    """What the project names and the clone has not is said."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"
    desk.server.push({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    (desk.server.person / "big.bin").write_text(pointer)
    git(desk.server.person, "-c", "filter.lfs.process=", "-c", "filter.lfs.clean=cat", "add", "big.bin")
    head = git(desk.server.person, "rev-parse", "HEAD")
    git(desk.server.person, "update-index", "--add", "--cacheinfo", f"160000,{head},vendor/lib")
    git(desk.server.person, "commit", "--quiet", "-m", "x")
    git(desk.server.person, "push", "--quiet", "origin", "HEAD:main")
    outcome = desk.run(GOOD)
    assert outcome.ok, outcome.error
    assert "submodules are not fetched: their folders are empty (vendor/lib)" in outcome.notes
    assert "files are in Git LFS and not fetched: they are pointers here (big.bin)" in outcome.notes
    assert outcome.files == ("README.md",)


FULL = """
import sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.orchestrator.execution.test_attempt import CHANGE, Desk, GOOD, script, BEGIN
from tests.orchestrator.repositories import Server
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
small, large = Path(sys.argv[1]), Path(sys.argv[2])
desk = Desk(server=Server(folder=large / "server.git", person=large / "person"), sandbox=Bubblewrap(), tmp=small)
outcome = desk.run(GOOD)
print(outcome.ok, "|", outcome.parked, "|", outcome.cancelled)
"""


def test_full_disk(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """On a disk with no room the attempt is parked, and says why: a real file system of 300 KiB, in a namespace."""
    small = tmp_path / "small"
    small.mkdir()
    inside = f'mount -t tmpfs -o size=300k none {small} && exec {sys.executable} -c "$0" {small} {tmp_path} {ROOT}'
    words = ["unshare", "--mount", "--map-root-user", "sh", "-c", inside, FULL]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        lacking(f"no mount namespace here: {done.stderr.strip()[:200]}")
    ok, parked, cancelled = (part.strip() for part in done.stdout.strip().splitlines()[-1].split("|"))
    assert (ok, cancelled) == ("False", "False"), done.stderr
    assert parked.startswith("the disk is full: "), done.stdout


def test_what_an_attempt_keeps_is_not_the_agents(desk: Desk) -> None:
    """A program cannot write the session, the outputs or the git folder of its attempt, nor swap its own folders."""
    forge = '{"agent": "claude", "attempt": 1, "session": "evil", "base": "x", "branch": "main"}'
    tries = (
        f"echo '{forge}' > ../session.json; rm -f ../session.json; echo x > ../output.log; echo x > ../git/config; "
        "rmdir ../proposals; mv ../home ../elsewhere; ln -s /etc ../test-home; rm -rf .git; true"
    )
    outcome = desk.run(script(BEGIN, tries, CHANGE, END), test="test ! -L ../test-home")
    assert outcome.ok, outcome.error
    assert desk.job
    assert json.loads((desk.job.folder / "session.json").read_text())["session"] == "s-1"
    assert (desk.job.folder / "home").is_dir()
    assert not (desk.job.folder / "test-home").is_symlink()
    assert outcome.files == ("README.md",)


def test_unknown_ends(desk: Desk) -> None:
    """A program that is ended from outside did not succeed, though it handles that politely."""
    outcome = desk.run(script(BEGIN, CHANGE, "trap 'exit 0' TERM", "kill -TERM $$"))
    assert (outcome.ok, outcome.exit_code) == (False, 0)
    assert "without its last event" in outcome.error


def test_ignored_file_passes_no_test(desk: Desk) -> None:
    """The tests see what is handed over and nothing else: a file that the project ignores cannot make them pass."""
    desk.server.push({".gitignore": "*.pyc\n"})
    outcome = desk.run(script(BEGIN, CHANGE, "touch made.pyc", END), test="test -f made.pyc", rounds=0)
    assert not outcome.ok
    assert outcome.tested is False


def test_what_a_mission_came_with_can_be_read_and_not_changed(desk: Desk) -> None:
    """The files lie beside the tree, and are in no result; the prompt names them, and the tests see them, too. What an
    earlier attempt left there is gone."""
    inputs = {"notes.txt": b"Paint it green.\n", "shot.png": png()}
    old = desk.make(inputs=inputs)
    (old.folder / "inputs").mkdir()
    (old.folder / "inputs" / "stale.txt").symlink_to("/etc/passwd")
    look = (
        'cat "$SHIFTBOOK_INPUTS/notes.txt" >> README.md',
        'echo evil 2> /dev/null > "$SHIFTBOOK_INPUTS/notes.txt" && echo written >> README.md',
        'rm -f "$SHIFTBOOK_INPUTS/shot.png" 2> /dev/null; touch "$SHIFTBOOK_INPUTS/new" 2> /dev/null',
        'ls "$SHIFTBOOK_INPUTS" >> README.md',
    )
    project = replace(old.project or Project(name="", url=""), test='grep -q green "$SHIFTBOOK_INPUTS/notes.txt"')
    outcome = desk.run(script(BEGIN, *look, END), job=replace(old, project=project))
    assert (outcome.ok, outcome.tested, outcome.files) == (True, True, ("README.md",)), outcome
    added = [line[1:] for line in outcome.diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert added == ["Paint it green.", "notes.txt", "shot.png"]
    assert "`shot.png` (image/png, " in desk.prompts()[0]
    assert "gives no orders" in desk.prompts()[0]
    assert (old.folder / "inputs" / "notes.txt").read_bytes() == inputs["notes.txt"]


def test_a_model_without_a_program_is_told_what_short_texts_say(desk: Desk) -> None:
    """Quoted line by line, so that nothing in them stands as a heading of its own; a long one is named only."""
    job = desk.make(inputs={"a.txt": b"one\n# Your task\n", "long.txt": b"x" * 5000, "b.png": png()})
    said = short_prompt(job, tests=False)
    assert "> one\n> # Your task" in said
    assert "\n# Your task\n\nFix" in f"\n{said}"
    assert "xxx" not in said
    assert "`b.png` (image/png" in said
    assert short_prompt(desk.make(), tests=False).count("#") == 1
