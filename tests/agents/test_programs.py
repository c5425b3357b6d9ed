"""The real programs of the agents, in the real sandbox, against a stand-in for their models' APIs.

What is shown of which program; `-` is said why below the table (`CANNOT`):

| case                                   | claude | codex | gemini | opencode | aider |
|----------------------------------------|--------|-------|--------|----------|-------|
| a mission, end to end, in two rounds   | yes    | yes   | yes    | yes      | yes   |
| hostile settings and hooks do not run  | yes    | yes   | yes    | yes      | yes   |
| a planted git hook does not run        | yes    | yes   | yes    | yes      | -     |
| an answer of 1 MB                      | yes    | yes   | yes    | yes      | yes   |
| a `setsid` child is ended              | yes    | yes   | yes    | yes      | -     |
| the project's rules reach the model    | prompt | both  | prompt | both     | both  |
| a command has the PATH of the run      | yes    | yes   | yes    | yes      | -     |
| a stream that is cut is asked again    | yes    | yes   | -      | yes      | yes   |
| how long a silent model is waited for  | -      | yes   | yes    | yes      | -     |
| API error 400                          | yes    | yes   | yes    | yes      | yes   |
| log-in refused (401) parks             | yes    | yes   | yes    | yes      | yes   |
| quota (429) parks                      | yes    | yes   | yes    | yes      | -     |
| "come back in an hour" parks at once   | yes    | yes   | yes    | yes      | yes   |
| a used-up window is heard of           | yes    | yes   | -      | -        | -     |
| words of a limit are no signal         | yes    | yes   | yes    | yes      | yes   |
| no price: parked, the model not asked  | yes    | yes   | yes    | yes      | yes   |
| turn limit                             | yes    | -     | yes    | -        | -     |
| budget parks                           | yes    | yes   | yes    | yes      | yes   |
| permission denied                      | yes    | -     | yes    | yes      | -     |
| SIGTERM: stopped, nothing left         | yes    | yes   | yes    | yes      | yes   |
| each round is counted once             | yes    | yes   | yes    | yes      | yes   |
| hang after the result                  | yes    | yes   | yes    | yes      | -     |
| a person's word in the middle of work  | yes    | round | round  | round    | round |
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from missions.message import MessageState
from missions.mission import Mission
from orchestrator.adapters.agents.program_agent import ProgramAgent
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.ports.action_warner import ActionWarner, Unwarned
from orchestrator.core.ports.agent import AgentJob, Meter, Outcome, Project, ProjectToolServer, Unmetered
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.run_desk import NoRunDesk, RunDesk
from orchestrator.core.ports.steering import Steering, Unsteered
from orchestrator.execution.attempt import AttemptRunner
from orchestrator.execution.message_box import MessageBox
from orchestrator.execution.programs import port
from orchestrator.execution.programs.model_apis import CLAUDE_TOKEN
from orchestrator.execution.programs.port import NOTHING_BEFORE, Launch, OutputParser, Program, RoundRequest
from orchestrator.execution.workspace.clone import Workspaces
from tests.agents.conftest import CACHE
from tests.agents.hands import HANDS, Hands
from tests.agents.hostile import git_trap, sprung, traps
from tests.agents.standin import ModelApi, Turn
from tests.conftest import lacking
from tests.llama_server import eventually
from tests.orchestrator.conftest import gone
from tests.orchestrator.repositories import Server
from tests.waiting import PATIENCE

NODE_KEY = "the-key-of-the-node"
CANNOT = {
    ("codex", "turns"): "codex has no turn limit: the mission's time and budget end it",
    ("opencode", "turns"): "opencode has no turn limit that is an error: the mission's time and budget end it",
    ("aider", "turns"): "aider has no turn limit: the mission's time and budget end it",
    ("codex", "denied"): "codex asks for nothing with its approvals off: the sandbox refuses",
    ("aider", "denied"): "aider has no permissions: the sandbox refuses",
    ("aider", "quota"): "aider tries again for a minute; its words are read in test_reading.py",
    ("aider", "hang"): "aider says nothing at its end, so only its exit is one; the mission's time ends a hang",
    ("aider", "child"): "aider runs no commands here",
    ("gemini", "cut"): "gemini does not ask again after a broken connection: the attempt has failed, and says so",
    ("claude", "silence"): "claude takes no time below 300 s; longer ones were tried by hand",
    ("aider", "silence"): "aider waits for ever: the mission's time ends it",
}


def each(*daily: str, case: str = "") -> list[object]:
    """Every program: those named in `make test`, the others in `make nightly`; skipped, with the reason, where one
    cannot show the case."""
    return [pytest.param(name, marks=_marks(name, case, name in daily)) for name in HANDS]


def _marks(name: str, case: str, daily: bool) -> list[pytest.MarkDecorator]:
    reason = CANNOT.get((name, case))
    return [pytest.mark.skip(reason=reason)] if reason else [] if daily else [pytest.mark.nightly]


@dataclass
class Desk:
    """A node whose agents' programs are real."""

    api: ModelApi
    server: Server
    sandbox: Bubblewrap
    tmp: Path
    setenv: Callable[[str, str], None]
    linger: float = 30.0
    seconds: int = 540
    said: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The attempt's."""
        return self.tmp / "job"

    def run(
        self,
        hands: Hands,
        *turns: Turn,
        program: Program | None = None,
        test: str | None = None,
        stop: threading.Event | None = None,
        meter: Meter | None = None,
        rounds: int = 0,
        steering: Steering | None = None,
        tools: tuple[str, ...] | None = None,
        all_count: bool = False,
        warner: ActionWarner | None = None,
        desk: RunDesk | None = None,
        servers: tuple[ProjectToolServer, ...] = (),
        context: str = "## Standing rules\n\n- None.\n",
    ) -> Outcome:
        """One attempt, with the model saying `turns`."""
        if not (CACHE / "bin" / (hands.command or hands.program.name)).exists():
            lacking(f"{hands.program.name} is not installed: .ci/agents does it")
        self.setenv(hands.upstream.key, NODE_KEY)
        self.setenv(hands.upstream.base, self.api.url + hands.upstream.path)
        self.api.play(*turns, all_count=hands.wide or all_count)
        self.folder.mkdir()
        mission = Mission(
            name="fix",
            title="Write new.txt",
            body="As it should be.",
            task="coding_task",
            project="shop",
            agent=hands.program.name,
            timeout_seconds=self.seconds,
        )
        job = AgentJob(
            mission=mission,
            attempt=1,
            project=Project(name="shop", url=str(self.server.folder), test=test, servers=servers),
            context=context,
            folder=self.folder,
            say=self.said.append,
            meter=meter or Unmetered(),
            rounds=rounds,
            steering=steering or Unsteered(),
            tools=tools,
            warner=warner or Unwarned(),
            desk=desk or NoRunDesk(),
        )
        attempts = AttemptRunner(
            sandbox=self.sandbox, workspaces=Workspaces(cache=self.tmp / "cache"), node="desk", linger=self.linger
        )
        return ProgramAgent(program=program or hands.program, attempts=attempts).run(job, stop or threading.Event())

    def lines(self) -> list[str]:
        """What the program wrote, whole."""
        logs = sorted(self.folder.glob("output*.log"))
        return [line for path in logs for line in path.read_text(errors="replace").splitlines()]

    def output(self) -> str:
        """All that the program wrote, for the message of a test that fails."""
        logs = sorted(self.folder.glob("output*.log*"))
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in logs)


@dataclass(frozen=True)
class Wrapped:
    """A real program, started in another way."""

    real: Program

    @property
    def name(self) -> str:
        return self.real.name

    @property
    def unread_rules(self) -> tuple[str, ...]:
        return self.real.unread_rules

    def missing(self) -> str | None:
        return self.real.missing()

    def version(self) -> str:
        return self.real.version()

    def launch(self, brief: RoundRequest) -> Launch:
        return self.real.launch(brief)

    def reading(self, before: Mapping[str, Any] = NOTHING_BEFORE) -> OutputParser:
        return self.real.reading(before)


@pytest.fixture
def desk(
    api: ModelApi, server: Server, bubblewrap: Bubblewrap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """A desk with nothing on it."""
    return Desk(api=api, server=server, sandbox=bubblewrap, tmp=tmp_path, setenv=monkeypatch.setenv)


DAILY = ("claude", "codex")


@pytest.mark.parametrize("name", each(*DAILY))
def test_a_mission(desk: Desk, name: str) -> None:
    """A mission in a hostile repository: what the project's test refuses goes back to the same conversation, and then
    a commit comes back, with what it took, each call counted once; no trap of the repository worked, no process is
    left, no key was seen.
    """
    hands = HANDS[name]
    desk.server.push(traps())
    word, outside = f"97{abs(hash(desk.tmp)) % 10**6:06}", desk.tmp / "pwned-outside"
    first = [hands.write("new.txt", "wrong\n"), Turn(text="Done.", tokens_cached=100)]
    if hands.shell:
        line = f"setsid sleep {word} >/dev/null 2>&1 & env >env.txt; {git_trap(outside)}"
        first.insert(1, hands.shell(line))
    last = Turn(text=" ".join(["All is well now.", *map(str, range(170_000))]))  # gemini takes repetition for a loop
    turns = [*first, hands.write("right.txt", "right\n"), last]
    if hands.wide:  # its edits are its answers
        turns = [first[0], replace(turns[-2], text=f"{last.text}\n\n{turns[-2].text}")]
    told = Told()
    outcome = desk.run(hands, *turns, test="grep -q right right.txt", rounds=1, meter=told)
    assert (outcome.ok, outcome.error, outcome.parked) == (True, "", ""), desk.output()
    assert (outcome.rounds, outcome.tested, outcome.branch) == (1, True, "shiftbook/fix/1")
    assert {"new.txt", "right.txt"} <= set(outcome.files) <= {"new.txt", "right.txt", "env.txt"}
    assert (desk.server.show("shiftbook/fix/1:new.txt"), outcome.session != "") == ("wrong", True)
    assert outcome.program.startswith(f"{name} ")
    assert (outcome.usage.tokens_in, outcome.usage.tokens_out) >= (2000, 100)
    if name in DAILY:  # of the others, which ask more of the model here, it is shown below
        assert len(desk.api.asked) == len(turns)
        counted_once(desk, outcome, told, cached=100)
    assert len(outcome.answer) > 900_000
    assert sprung(desk.tmp) == []
    assert gone(f"sleep {word}")
    keys = {value for asked in desk.api.asked for value in asked.headers.values() if NODE_KEY in value}
    assert keys <= {NODE_KEY, f"Bearer {NODE_KEY}"}
    assert keys
    assert NODE_KEY not in outcome.diff + desk.output()


@pytest.mark.parametrize("name", each())
def test_each_round_is_counted_once(desk: Desk, name: str) -> None:
    """Three rounds in one conversation take what their calls took, whether the program counts the round or all of the
    conversation."""
    hands = HANDS[name]
    writes = [hands.write(f"{word}.txt", "more\n") for word in ("one", "two", "right")]
    turns = writes if hands.wide else [turn for each in writes for turn in (each, Turn(text="Done."))]
    told = Told()
    outcome = desk.run(hands, *turns, test="test -e right.txt", rounds=2, meter=told)
    assert (outcome.ok, outcome.rounds) == (True, 2), desk.output()
    assert len(desk.api.asked) == len(turns)
    counted_once(desk, outcome, told)


def counted_once(desk: Desk, outcome: Outcome, told: Told, cached: int = 0) -> None:
    """The usage is that of the calls that the model was asked for, and the cost is what the program says of it."""
    calls, asides = len(desk.api.asked), len(desk.api.asides)
    assert 0 <= outcome.usage.tokens_in - calls * 1000 - cached <= asides * 10, desk.output()
    assert calls * 50 <= outcome.usage.tokens_out <= calls * 50 + asides
    costs = [json.loads(line)["total_cost_usd"] for line in desk.lines() if '"total_cost_usd"' in line]
    if costs:
        assert outcome.usage.cost_usd == told.usage.cost_usd == pytest.approx(max(costs))  # claude's, of the session


@dataclass
class Told(Unmetered):
    """A meter that keeps what it was told last."""

    usage: Usage = field(default_factory=Usage)

    def note(self, usage: Usage) -> None:
        self.usage = usage


@pytest.mark.parametrize("name", each("codex"))
def test_api_error(desk: Desk, name: str) -> None:
    """An error of the model's API is a failed attempt with the API's words, whatever the exit code is."""
    outcome = desk.run(HANDS[name], Turn(status=400, error="invalid_request_error"))
    assert (outcome.ok, outcome.parked, outcome.branch) == (False, "", None), desk.output()
    assert "model API" in outcome.error
    assert "was told to answer 400" in outcome.error


@pytest.mark.parametrize("name", each("claude"))
def test_log_in(desk: Desk, name: str) -> None:
    """A key that is refused parks the mission for a person."""
    outcome = desk.run(HANDS[name], Turn(status=401, error="authentication_error"))
    assert not outcome.ok
    assert "log-in" in outcome.parked, desk.output()


@pytest.mark.parametrize("name", each("codex", case="quota"))
def test_quota(desk: Desk, name: str) -> None:
    """A quota that is used up parks the mission for a person."""
    desk.linger = 0.5
    errors = {"claude": "rate_limit_error", "codex": "insufficient_quota", "gemini": "RESOURCE_EXHAUSTED"}
    outcome = desk.run(HANDS[name], Turn(status=429, error=errors.get(name, "rate_limit_error")))
    assert not outcome.ok
    assert "quota" in outcome.parked, desk.output()
    assert not outcome.out_of_quota, "no window was declared: whatever the words say, the account is open"


@pytest.mark.parametrize("name", each())
def test_an_hours_wait(desk: Desk, name: str) -> None:
    """An API that wants to be asked again in an hour ends the round at once: some programs would sit it out. It is
    declared, so the account can rest until then."""
    began = time.monotonic()
    outcome = desk.run(HANDS[name], Turn(status=429, error="rate_limit_error", headers={"retry-after": "3600"}))
    assert not outcome.ok
    assert "quota" in outcome.parked, desk.output()
    assert time.monotonic() - began < 60
    assert outcome.out_of_quota
    assert [each.kind for each in outcome.windows if each.exhausted] == ["retry_after"]


@pytest.mark.parametrize("name", ["claude", pytest.param("codex", marks=pytest.mark.nightly)])
def test_a_window_that_is_used_up(desk: Desk, name: str) -> None:
    """Its maker's heads say which, and until when; Claude Code tells of it in an event of its own, too."""
    end = int(time.time()) + 7200
    unified = {"status": "rejected", "reset": str(end), "representative-claim": "five_hour", "5h-utilization": "1.0"}
    codex = {"used-percent": "100", "window-minutes": "300", "reset-at": str(end)}
    turns = {
        "claude": Turn(
            status=429,
            error="rate_limit_error",
            headers={f"anthropic-ratelimit-unified-{key}": value for key, value in unified.items()},
        ),
        "codex": Turn(
            status=429,
            error="usage_limit_reached",
            headers={f"x-codex-primary-{key}": value for key, value in codex.items()},
        ),
    }
    hands = replace(HANDS["claude"], upstream=CLAUDE_TOKEN) if name == "claude" else HANDS[name]
    outcome = desk.run(hands, turns[name])
    assert outcome.out_of_quota, desk.output()
    closed = {each.kind: int(each.resets_at.timestamp()) for each in outcome.windows if each.exhausted}
    assert closed == {"five_hour": end}
    if name == "claude":
        events = [
            json.loads(line) for line in desk.output().splitlines() if line.startswith('{"type":"rate_limit_event"')
        ]
        assert [each["rate_limit_info"]["resetsAt"] for each in events] == [end]


@pytest.mark.parametrize("name", each())
def test_words_of_a_limit(desk: Desk, name: str) -> None:
    """A model that answers that a limit is reached has answered: no window is heard of, and the work counts."""
    hands, says = HANDS[name], "You've hit your 5-hour limit: usage limit reached, quota exhausted, resets 1am (UTC)"
    last = Turn(text=says)
    turns = [hands.write("new.txt", "right\n"), last]
    if hands.wide:
        turns = [replace(turns[0], text=f"{says}\n\n{turns[0].text}")]
    outcome = desk.run(hands, *turns)
    assert outcome.ok, desk.output()
    assert (outcome.windows, outcome.out_of_quota) == ((), False)


@pytest.mark.parametrize("name", each())
def test_no_price(desk: Desk, name: str) -> None:
    """A model whose price nobody knows is not asked where a budget must be kept; the mission is parked."""
    outcome = desk.run(HANDS[name], Turn(text="Done."), meter=Unpriced())
    assert not outcome.ok
    assert "no price is known" in outcome.parked, desk.output()
    assert desk.api.asked == desk.api.asides == []


class Unpriced(Unmetered):
    """A meter that knows no price."""

    def unpriced(self, model: str) -> str:
        return f"budget of the mission cannot be kept: no price is known for {model}" if model else ""


@pytest.mark.parametrize("name", each("claude"))
def test_the_first_request(desk: Desk, name: str) -> None:
    """The project's rules reach the model, each once, whichever files a program reads itself; and none can leave a
    command running in the background, whose end it would not see."""
    desk.server.push({"AGENTS.md": "Rule mark-agents.\n", "CLAUDE.md": "@AGENTS.md\n\nRule mark-claude.\n"})
    desk.run(HANDS[name], Turn(text="Done."))
    said = json.dumps(desk.api.asked[0].body)
    assert (said.count("mark-agents"), said.count("mark-claude")) == (1, 1), desk.output()
    assert "run_in_background" not in said


@pytest.mark.parametrize("name", each(case="child"))
def test_path(desk: Desk, name: str) -> None:
    """A command that the model runs finds the programs of the node's PATH, whatever /etc/profile says."""
    hands = HANDS[name]
    assert hands.shell
    desk.setenv("PATH", f"{os.environ['PATH']}:/opt/of-the-node")
    outcome = desk.run(hands, hands.shell("echo $PATH >path.txt"), Turn(text="Done."))
    assert outcome.ok, desk.output()
    assert "/opt/of-the-node" in desk.server.show("shiftbook/fix/1:path.txt")


@pytest.mark.parametrize("name", each("codex", case="cut"))
def test_a_stream_that_is_cut(desk: Desk, name: str) -> None:
    """An answer that breaks off is asked for again, and what came of it is counted."""
    hands = HANDS[name]
    write = hands.write("new.txt", "more\n")
    outcome = desk.run(hands, replace(write, cut=True), write, *([] if hands.wide else [Turn(text="Done.")]))
    assert (outcome.ok, outcome.error) == (True, ""), desk.output()
    assert desk.server.show("shiftbook/fix/1:new.txt") == "more"
    assert outcome.usage.tokens_in >= 2000


@dataclass(frozen=True)
class Impatient(Wrapped):
    """A program whose round has three seconds, as far as it knows."""

    def launch(self, brief: RoundRequest) -> Launch:
        return self.real.launch(replace(brief, seconds=3.0))


@pytest.mark.parametrize("name", each(case="silence"))
def test_how_long_a_silent_model_is_waited_for(desk: Desk, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting that has a program wait as long as its round may take is one that it knows: a short one is felt."""
    monkeypatch.setattr(port, "MIN_SILENCE_SECONDS", 3.0)
    hands = HANDS[name]
    slow = Turn(text="Done.", late=8.0) if name == "gemini" else Turn(text="Done.", lull=8.0)
    desk.run(hands, slow, Turn(text="Done."), program=Impatient(hands.program))
    assert len(desk.api.asked) > 1, desk.output()


@pytest.mark.parametrize("name", each("claude", case="turns"))
def test_turn_limit(desk: Desk, name: str) -> None:
    """A round that needs more turns than it has is a failed attempt that says so."""
    hands = HANDS[name]
    outcome = desk.run(hands, hands.write("new.txt", "more\n"), program=hands.limited)
    assert (outcome.ok, outcome.parked) == (False, ""), desk.output()
    assert "turn limit" in outcome.error


@dataclass
class Purse(Unmetered):
    """A meter that is empty after so many tokens."""

    limit: int
    read: int = 0

    def note(self, usage: Usage) -> None:
        self.read = usage.tokens_in

    def over(self) -> str:
        return f"budget of the mission reached: {self.read} tokens" if self.read >= self.limit else ""


@pytest.mark.parametrize("name", each("codex"))
def test_budget(desk: Desk, name: str) -> None:
    """Once the budget is reached no further call is made and the round is ended; the mission is parked."""
    hands = HANDS[name]
    again = hands.shell("sleep 1; date") if hands.shell else hands.again
    assert again
    outcome = desk.run(hands, replace(again, tokens_in=2000), meter=Purse(1500))
    assert not outcome.ok
    assert "budget" in outcome.parked, desk.output()
    assert len(desk.api.asked) <= 2
    assert outcome.usage.tokens_in >= 2000


@pytest.mark.parametrize("name", each("claude", case="denied"))
def test_denial(desk: Desk, name: str) -> None:
    """What the program's own rules refuse is told, and such an attempt is no success."""
    hands = HANDS[name]
    turns = (hands.write(hands.forbidden, "{}\n"), hands.write("new.txt", "more\n"), Turn(text="Done."))
    outcome = desk.run(hands, *turns)
    assert outcome.denials, desk.output()
    assert hands.forbidden.lstrip("./") in outcome.denials[0]
    assert not outcome.ok


@pytest.mark.parametrize("name", each("codex"))
def test_stopped(desk: Desk, name: str) -> None:
    """A stop ends the program and all that it started, although some exit with 0 then."""
    hands, stop, word = HANDS[name], threading.Event(), f"98{abs(hash(desk.tmp)) % 10**6:06}"
    turn = hands.shell(f"echo begun >begun.txt; sleep {word}") if hands.shell else Turn(hang=True)
    begun = desk.folder / "tree" / "begun.txt"

    def watch() -> None:
        eventually(lambda: begun.exists() if hands.shell else desk.api.asked)
        stop.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    outcome = desk.run(hands, turn, Turn(text="Done."), stop=stop)
    watcher.join(timeout=PATIENCE)
    assert (outcome.ok, outcome.cancelled) == (False, True), desk.output()
    assert gone(f"sleep {word}")
    assert gone(str(desk.folder))


@dataclass(frozen=True)
class Hanging(Wrapped):
    """A program that does not exit after its real last event."""

    def launch(self, brief: RoundRequest) -> Launch:
        launch = self.real.launch(brief)
        return replace(launch, argv=("/bin/sh", "-c", '"$@"; sleep 600', "hanging", *launch.argv))


@pytest.mark.parametrize("name", each("codex", case="hang"))
def test_hang(desk: Desk, name: str) -> None:
    """A program that hangs after its result is ended, and its work counts."""
    desk.linger = 0.5
    hands = HANDS[name]
    outcome = desk.run(hands, hands.write("new.txt", "more\n"), Turn(text="Done."), program=Hanging(hands.program))
    assert (outcome.ok, outcome.error) == (True, ""), desk.output()
    assert any("hung after its last event" in note for note in outcome.notes)
    assert gone(str(desk.folder))


class Speaker:
    """A person who says something once the program is at work."""

    def __init__(self, box: MessageBox, ready: Callable[[], bool], said: Callable[[], object]) -> None:
        self.box, self.ready, self.said, self.state = box, ready, said, None
        self.thread = threading.Thread(target=self._speak, daemon=True)
        self.thread.start()

    def _speak(self) -> None:
        eventually(self.ready)
        self.state: MessageState | None = self.box.deliver("01", author="anna", text="Spell it THOROUGHLY.")
        self.said()


@pytest.mark.parametrize("name", each("claude", "codex"))
def test_a_persons_word_reaches_the_program(desk: Desk, name: str) -> None:
    """While a tool runs: at once where the program reads it, else in a round of its own after the work, in the same
    conversation; the model is given it once, and the answer said truly which."""
    hands, box = HANDS[name], MessageBox()
    told = desk.folder / "tree" / "told"
    goes_on = "while [ ! -e told ]; do sleep 0.1; done; sleep 1; rm told; echo slept"
    waits = hands.shell(goes_on) if hands.shell else Turn(text="Done.", lull=3.0)
    work = [] if hands.wide else [Turn(text="It is written.")]
    turns = [waits, hands.write("new.txt", "right\n"), *work, Turn(text="As you said.")]
    at_work = lambda: len(desk.api.asked) >= 1 and (hands.wide or bool(desk.said))  # noqa: E731
    speaker = Speaker(box, at_work, told.touch if hands.shell else lambda: None)
    done = desk.run(hands, *turns, steering=box)
    speaker.thread.join(timeout=PATIENCE)
    assert done.ok, f"{done.error}\n{desk.output()}"
    assert speaker.state is (MessageState.INJECTED if name == "claude" else MessageState.QUEUED)
    bodies = [json.dumps(asked.body) for asked in desk.api.asked]
    hearing = next(number for number, body in enumerate(bodies) if "THOROUGHLY" in body)
    assert hearing == (1 if name == "claude" else len(bodies) - 1) or hands.wide
    assert bodies[-1].count("THOROUGHLY") == 1
    assert all(one.told for one in box.close())


def test_a_word_at_the_last_moment_is_a_turn_of_its_own(desk: Desk) -> None:
    """claude is saying its last words: what it is told then it answers, too, before its input ends."""
    hands, box = HANDS["claude"], MessageBox()
    told = threading.Event()
    last = Turn(text="It is written.", after=told, lull=1.0)
    turns = [hands.write("new.txt", "right\n"), last, Turn(text="As you said.")]
    speaker = Speaker(box, lambda: len(desk.api.asked) >= 2, told.set)
    done = desk.run(hands, *turns, steering=box)
    speaker.thread.join(timeout=PATIENCE)
    assert done.ok, f"{done.error}\n{desk.output()}"
    assert speaker.state is MessageState.INJECTED
    assert done.answer == "As you said."
    assert "THOROUGHLY" in json.dumps(desk.api.asked[-1].body)


def test_a_budget_that_is_raised_lets_the_program_go_on(desk: Desk) -> None:
    """claude ends at the budget that it was started with; a person has raised it meanwhile, so it goes on."""

    class Raised(Unmetered):
        mission_usd: float | None = 0.0001

        def note(self, usage: Usage) -> None:
            self.mission_usd = 50.0

    hands = HANDS["claude"]
    turns = [*[hands.write("new.txt", "right\n")] * 2, Turn(text="It is written.")]
    done = desk.run(hands, *turns, meter=Raised())
    assert done.ok, f"{done.error} {done.parked}\n{desk.output()}"
    assert "[it goes on: its budget was raised]" in desk.said
