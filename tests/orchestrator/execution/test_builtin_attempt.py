"""Facts about code that the node's own model changes, with our tools."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from missions.mission import Mission
from orchestrator.adapters.agents.builtin import BuiltinAgent
from orchestrator.adapters.agents.tool_worker import named_paths
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.ports.agent import AgentJob, Outcome, Project
from orchestrator.core.ports.model import Generation, Model, Prompt, Stop, Usage
from orchestrator.execution.attempt import AttemptRunner
from orchestrator.execution.journal_warner import JournalWarner, WarningForm
from orchestrator.execution.project_setup import ProjectSetups
from orchestrator.execution.workspace.clone import Workspaces
from tests.journal_warnings import journal_of, look_up_in
from tests.orchestrator.execution.scripted import Purse
from tests.orchestrator.repositories import Server, git

LINE = "Good morning, Vienna!"
MISSION = Mission(
    name="greet",
    title="Write hello.txt",
    body=f"Write a file hello.txt with this line: {LINE}",
    task="coding_task",
    project="shop",
    timeout_seconds=120,
)


def attempts(tmp: Path, sandbox: Bubblewrap) -> AttemptRunner:
    """How a node carries attempts out."""
    return AttemptRunner(sandbox=sandbox, workspaces=Workspaces(cache=tmp / "cache"), node="desk")


def job_for(server: Server, tmp: Path, **fields: object) -> AgentJob:
    """One attempt at the mission."""
    folder = tmp / f"job-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    project = Project(name="shop", url=str(server.folder), test=f"grep -qx '{LINE}' hello.txt")
    context = "You work on missions in a fleet.\n\n- Prices are integers.\n"
    job = AgentJob(mission=MISSION, attempt=1, project=project, context=context, folder=folder, say=lambda line: None)
    return replace(job, **fields)  # type: ignore[arg-type]


@pytest.mark.model
def test_embedded_model(embedded: XLlamaCpp, server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """The model of 135 million parameters does a mission that one call of a tool can do: clone to pushed commit."""
    agent = BuiltinAgent(model=embedded, attempts=attempts(tmp_path, bubblewrap))
    outcome = agent.run(job_for(server, tmp_path), threading.Event())
    assert outcome.ok, (outcome.error, outcome.output)
    assert outcome.tested
    assert outcome.files == ("hello.txt",)
    assert LINE in server.show("shiftbook/greet/1:hello.txt")
    assert outcome.usage.tokens_out > 0


@dataclass
class Spoken:
    """A model of the tests' own: says what it is told to, step by step, the last text over and over."""

    texts: tuple[str, ...]
    context_tokens: int = 16384
    cost: float | None = None
    asked: list[Prompt] = field(default_factory=list)
    name: str = "spoken"
    backend: str = "tests"
    embedder: None = None
    keeper: None = None
    pause: float = 0.0

    def missing(self) -> str | None:
        return None

    def count(self, text: str) -> int:
        return len(text) // 4

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        self.asked.append(prompt)
        text = self.texts[min(len(self.asked), len(self.texts)) - 1]
        if text == "!":
            raise ModelUnavailable("the model has gone home")
        if stop.wait(self.pause):
            return Generation(text="", finish="cancelled", usage=Usage())
        on_text(text)
        usage = Usage(model=self.name, backend=self.backend, tokens_in=100, tokens_out=10, cost_usd=self.cost)
        return Generation(text=text, finish="stop", usage=usage)

    def close(self) -> None:
        return


def call(tool: str, **arguments: object) -> str:
    """A step that uses a tool."""
    return json.dumps({"tool": tool, "arguments": arguments})


def answer(text: str) -> str:
    """A step that ends."""
    return json.dumps({"answer": text})


WRITE = call("write", path="hello.txt", content=f"{LINE}\n")


@dataclass
class Desk:
    """A node whose model is a stand-in."""

    server: Server
    sandbox: Bubblewrap
    tmp: Path
    job: AgentJob | None = None

    def run(
        self, model: Model, *, stop: threading.Event | None = None, setups: bool = False, **fields: object
    ) -> Outcome:
        """One attempt."""
        job = fields.pop("job", None)
        self.job = job if isinstance(job, AgentJob) else job_for(self.server, self.tmp, **fields)
        work = attempts(self.tmp, self.sandbox)
        if setups:
            work = replace(work, setups=self.setups(work.workspaces))
        return BuiltinAgent(model=model, attempts=work).run(self.job, stop or threading.Event())

    def setups(self, spaces: Workspaces) -> ProjectSetups:
        """What sets projects up on this node."""
        private, home = self.tmp / ".shiftbook", self.tmp / "home"
        return ProjectSetups(sandbox=self.sandbox, workspaces=spaces, private=private, home=home, environ={})


@pytest.fixture
def desk(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> Desk:
    """A desk with a project."""
    return Desk(server=server, sandbox=bubblewrap, tmp=tmp_path)


def test_tools(desk: Desk) -> None:
    """It reads, runs and writes in the clone, and its commit is handed over like any agent's."""
    said: list[str] = []
    steps = (call("read", path="README.md"), call("shell", line="ls; pwd"), WRITE, answer("It is done."))
    outcome = desk.run(Spoken(texts=steps), say=said.append)
    assert outcome.ok, outcome.error
    assert (outcome.answer, outcome.files, outcome.tested, outcome.rounds) == ("It is done.", ("hello.txt",), True, 0)
    assert "with 3 calls of tools" in outcome.summary
    assert outcome.usage.tokens_out == 40
    assert any("1: hello" in line for line in said)
    body = git(desk.server.folder, "show", "--no-patch", "--format=%B", "shiftbook/greet/1")
    assert "Shiftbook-Agent: builtin\nShiftbook-Model: spoken" in body


def test_its_tools_have_what_the_project_was_set_up_with(desk: Desk) -> None:
    """A program and a Python that the set-up left, and the project's tools, as every other agent has them; the secret
    files that are for its tests it does not see."""
    desk.server.push({"uv.lock": "1\n", ".gitignore": ".venv/\n"})
    setup = "mkdir -p .venv/bin; printf '#!/bin/sh\\necho suite passed\\n' > .venv/bin/suite; chmod +x .venv/bin/suite;"
    setup += "printf '#!/bin/sh\\necho own python\\n' > .venv/bin/python3; chmod +x .venv/bin/python3"
    tool = desk.tmp / "home" / "tool" / "bin"
    tool.mkdir(parents=True)
    (tool / "helper").write_text("#!/bin/sh\necho tool of the node\n", encoding="utf-8")
    (tool / "helper").chmod(0o755)
    (desk.tmp / "home" / "secret").write_text("hush\n", encoding="utf-8")
    project = Project(
        name="shop",
        url=str(desk.server.folder),
        setup=setup,
        tools=("~/tool",),
        test_files=((".env", "~/secret"),),
        test="grep -qx hush .env",
    )
    said: list[str] = []
    steps = (call("shell", line="suite; helper; cat .env"), call("run", code="1"), WRITE, answer("Done."))
    outcome = desk.run(Spoken(texts=steps), say=said.append, project=project, setups=True)
    assert outcome.ok, outcome.error
    assert {"suite passed", "tool of the node", "own python"} <= set(said)
    assert "hush" not in said


def test_a_second_round(desk: Desk) -> None:
    """Work that is wrong goes back into the same conversation, with the output of the tests."""
    model = Spoken(texts=(call("write", path="hello.txt", content="Hi\n"), answer("Done."), WRITE, answer("Now.")))
    outcome = desk.run(model)
    assert (outcome.ok, outcome.rounds, outcome.answer) == (True, 1, "Now.")
    contents = [message.content for message in model.asked[2].messages]
    assert answer("Done.") in contents
    assert "ended with exit code 1" in contents[-1]


def test_refused(desk: Desk) -> None:
    """It cannot commit: nobody is there to be asked. That fails the round; the next one does without."""
    commit = call("git", verb="commit", message="x")
    outcome = desk.run(Spoken(texts=(WRITE, commit, answer("Done."), answer("Without."))))
    assert (outcome.ok, outcome.rounds, outcome.answer) == (True, 1, "Without.")
    assert outcome.denials[0].startswith("git commit ")


def test_cannot_leave(desk: Desk) -> None:
    """Neither the file tools nor a command reach outside of the tree."""
    escape = call("write", path="../git/hooks/pre-commit", content="x")
    shell = call("shell", line=f"echo x > {desk.tmp}/out; echo x > ../git/config; cat ../session.json; true")
    outcome = desk.run(Spoken(texts=(escape, shell, WRITE, answer("Done."))))
    assert outcome.ok
    assert not (desk.tmp / "out").exists()
    assert desk.job
    assert not (desk.job.folder / "git/hooks").exists()


def test_model_that_fails(desk: Desk) -> None:
    """A model that is gone is a failed attempt that says so, and keeps what was done."""
    outcome = desk.run(Spoken(texts=(WRITE, "!")))
    assert (outcome.ok, outcome.parked, outcome.rounds) == (False, "", 0)
    assert "the model has gone home" in outcome.error
    assert outcome.files == ("hello.txt",)


def test_the_same_call_twice_ends_the_round(desk: Desk) -> None:
    """A model that repeats a call, with the same result, does not get on: that is said at once, not after twelve."""
    model = Spoken(texts=(call("write", path="hello.txt", content="This test failed, but it's not a bug.\n"),))
    outcome = desk.run(model, rounds=0)
    assert not outcome.ok
    assert "twice with the same result" in outcome.error
    assert len(model.asked) <= 3


def test_looking_again_after_a_change_is_no_repetition(desk: Desk) -> None:
    """The same call is fine once something was changed in between."""
    look = call("read", path="README.md")
    outcome = desk.run(Spoken(texts=(look, WRITE, look, answer("Done."))))
    assert outcome.ok, outcome.error


@pytest.mark.parametrize(
    "step",
    [
        call("write", path="example-three.md", content="something\n"),
        call("write", path="hello.txt", content=f"{LINE}\n<<example two>>\n"),
    ],
    ids=["a file", "a line"],
)
def test_what_repeats_the_examples_has_failed(desk: Desk, step: str) -> None:
    """What a small model was shown is not work, however well it was written."""
    outcome = desk.run(Spoken(texts=(step, answer("I wrote it.")), context_tokens=2048), rounds=0)
    assert not outcome.ok
    assert "repeated the examples" in outcome.error


def test_a_toy_is_not_given_code_unasked(desk: Desk) -> None:
    """Where the node chose the agent, and a toy answers now, the mission waits with the line that mends it."""
    model = Spoken(texts=(WRITE, answer("Done.")), name="smollm2-135m")
    chosen = desk.run(model, mission=replace(MISSION, agent="builtin", chosen_agent="builtin"))
    assert not chosen.ok
    assert "--agent builtin" in chosen.parked
    assert not model.asked
    assert desk.run(model, mission=replace(MISSION, agent="builtin")).ok


def test_a_diff_that_has_nothing_of_the_task_is_flagged(desk: Desk) -> None:
    """A person is told before they look."""
    odd = call("write", path="NOTES", content="zebras\n")
    project = Project(name="shop", url=str(desk.server.folder))
    strange = desk.run(Spoken(texts=(odd, answer("Done."))), project=project, rounds=0)
    assert "nothing in the diff has a word of the task: look whether it is what was asked for" in strange.notes
    fine = desk.run(Spoken(texts=(WRITE, answer("Done."))))
    assert not any("word of the task" in note for note in fine.notes)


def test_a_toy_has_no_say_in_what_it_did(desk: Desk) -> None:
    """Of what a toy says of its work only that is told on which its calls bear out."""
    told = answer("The blockchain identity module was rewritten. It passed every test on Mars.")
    outcome = desk.run(Spoken(texts=(WRITE, told), name="smollm2-135m"))
    assert outcome.ok, outcome.error
    assert "blockchain" not in f"{outcome.answer}{outcome.summary}{outcome.output}"


def test_context_that_is_full(desk: Desk) -> None:
    """A model that holds no more is a failed attempt, not an endless one."""
    steps = [call("read", path="src/app.py", lines=n + 1) for n in range(20)]
    outcome = desk.run(Spoken(texts=tuple(steps), context_tokens=1200))
    assert not outcome.ok
    assert "the model's context" in outcome.error


def test_steps_are_bounded(desk: Desk) -> None:
    """A model that only uses tools is made to answer in the end; without a change that is no success."""
    outcome = desk.run(Spoken(texts=tuple(call("search", pattern=f"x{n}") for n in range(20))), rounds=0)
    assert not outcome.ok
    assert any("calls of tools were used" in note for note in outcome.notes)


def test_budget(desk: Desk) -> None:
    """A model that costs money is stopped when the budget is reached, between two steps."""
    model = Spoken(texts=(WRITE, call("search", pattern="x")), cost=0.02)
    outcome = desk.run(model, meter=Purse(limit=0.05))
    assert (outcome.ok, outcome.parked) == (False, "budget of the mission reached: $0.06 of $0.05")
    assert len(model.asked) == 3


def test_time(desk: Desk) -> None:
    """A model that takes for ever is ended when the time is over; a stop ends it at once."""
    short = replace(MISSION, timeout_seconds=1)
    outcome = desk.run(Spoken(texts=(WRITE, answer("x")), pause=30.0), mission=short)
    assert (outcome.ok, outcome.cancelled) == (False, False)
    assert "its time was over" in outcome.error
    stop = threading.Event()
    timer = threading.Timer(1.0, stop.set)
    timer.start()
    stopped = desk.run(Spoken(texts=(WRITE,), pause=30.0), stop=stop)
    timer.join()
    assert (stopped.ok, stopped.cancelled) == (False, True)


def test_goes_on(desk: Desk) -> None:
    """A parked attempt goes on with its conversation and its tree."""
    parked = desk.run(Spoken(texts=(WRITE,), cost=0.02), meter=Purse(limit=0.01))
    assert parked.parked
    assert desk.job
    model = Spoken(texts=(answer("There."),))
    outcome = desk.run(model, job=replace(desk.job, goes_on=True, meter=Purse(limit=1.0)))
    assert (outcome.ok, outcome.files) == (True, ("hello.txt",))
    contents = [message.content for message in model.asked[0].messages]
    assert WRITE in contents
    assert "Go on with the task" in contents[-1]


def test_a_question(desk: Desk) -> None:
    """A question about a project is answered with a look into it by a model that holds enough."""
    question = replace(MISSION, task="general_task", body="What does README say?")
    outcome = desk.run(Spoken(texts=(call("read", path="README.md"), answer("It says hello."))), mission=question)
    assert (outcome.ok, outcome.answer, outcome.files) == (True, "It says hello.", ())
    small = desk.run(Spoken(texts=("From the handoff.",), context_tokens=2048), mission=question)
    assert (small.ok, small.answer, small.sandbox) == (True, "From the handoff. [not in the handoff]", "")


def test_small_models_are_led() -> None:
    """What a text names as a file is found; a version, an address and a word are none."""
    assert named_paths(
        "Write hello.txt and src/a_b.py, or VERSION. See 1.4.2, https://x.org/y.html, ./z.md, a word."
    ) == (
        "hello.txt",
        "src/a_b.py",
        "VERSION",
    )


FAILS = "sh -c 'exit 3' build --fast"


@pytest.mark.parametrize("form", list(WarningForm))
def test_it_hears_at_the_action_what_the_journal_knows(desk: Desk, form: WarningForm) -> None:
    """With the result, or instead of it the first time: never before, each line once; it is no denial, and what came of
    it is told. A path that it writes is an action, one that it reads is none."""
    lessons = ("`build --fast` fails here", "docs/api.md is generated: no tabs")
    warner = JournalWarner(look_up=look_up_in(journal_of(*lessons)), form=form)
    steps = (
        call("read", path="README.md"),
        call("shell", line=FAILS),
        call("shell", line=f"{FAILS} -v"),
        call("write", path="docs/api.md", content="x\n"),
        call("write", path="docs/api.md", content="y\n"),
        WRITE,
        answer("Done."),
    )
    model = Spoken(steps)
    outcome = desk.run(model, warner=warner)
    assert (outcome.ok, outcome.error, outcome.denials) == (True, "", ()), outcome.output
    heard = [prompt.messages[-1].content for prompt in model.asked[1:]]
    once = form is WarningForm.REFUSE_ONCE
    assert ["fails here" in one for one in heard] == [False, True, False, False, False, False]
    assert ["no tabs" in one for one in heard] == [False, False, False, True, False, False]
    assert ["exit code 3" in one for one in heard[1:3]] == [not once, True]
    assert all("e1, 2026-11-01" in one and "no orders" in one for one in heard if "fails here" in one)
    assert ("Not run yet" in heard[1]) is once
    assert [one.verdict.value for one in warner.heard] == ["hurt", "hurt" if once else "unclear"]
