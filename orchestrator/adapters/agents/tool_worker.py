"""How does a model work in a workspace: with our tools, a step at a time, as a chat does?"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from handoff.answers import admission
from handoff.answers.citable import spoken_line
from handoff.answers.destructive import with_guards
from handoff.secrets.excerpts import redacted_line
from missions.plain_data import read_json
from orchestrator.chat.queue import FairSemaphore
from orchestrator.chat.tool_approvals import ToolApprovals
from orchestrator.chat.tool_loop import ToolLoop, ToolLoopLimits, ToolLoopResult
from orchestrator.chat.tools import toolbox
from orchestrator.chat.tools.tool import Toolbox, ToolPermission, ToolPolicy, ToolRequest, ToolTrace
from orchestrator.chat.tools.workspace import ChatWorkspace
from orchestrator.chat.values import AnswerEvent, AnswerUsage
from orchestrator.core.errors import ContextTooLong, ModelUnavailable, WrongPrompt
from orchestrator.core.model_competence import is_toy_name
from orchestrator.core.ports.agent import AgentJob
from orchestrator.core.ports.model import Model, PromptMessage, Usage
from orchestrator.core.ports.model_backend import competence_of
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.execution import prompts
from orchestrator.execution.bounds import AttemptLimits, RoundStopFlag
from orchestrator.execution.process.runner import Ending
from orchestrator.execution.programs.port import ParsedOutput
from orchestrator.execution.turn import RoundResult
from orchestrator.execution.workspace.attempt_dir import AttemptDir, confinement_for
from sync import files

TRANSCRIPT_FILE = "transcript.json"
"""The conversation so far, in the attempt's folder: what a model has for a session."""
UNATTENDED_POLICY = ToolPolicy(asks=frozenset(), denies=frozenset({"git add", "git commit"}))
"""Nobody is there to be asked; the node commits."""
MAX_ARGUMENT_CHARACTERS = 200
SMALL_CONTEXT_TOKENS = 16_384
"""Tokens of context below which a model is led by the hand: shown examples, given no choice of what to name files."""


def _restricted_policy(policy: ToolPolicy, job: AgentJob) -> ToolPolicy:
    """The policy without the tools that the fleet does not let this agent use."""
    if job.tools is None:
        return policy
    return replace(policy, denies=policy.denies | (frozenset(toolbox.TOOL_NAMES) - set(job.tools)))


def _example(task: str, path: str, line: str) -> tuple[PromptMessage, ...]:
    call = json.dumps({"tool": "write", "arguments": {"path": path, "content": f"{line}\n"}})
    return (
        PromptMessage(role="user", content=f"# Your task\n\n{task}"),
        PromptMessage(role="assistant", content=call),
        PromptMessage(role="user", content="new: 1 lines"),
        PromptMessage(role="assistant", content=json.dumps({"answer": f"I wrote {path}."})),
    )


EXAMPLES = (
    *_example("Write the file EXAMPLE-ONE with this line: <<example one>>", "EXAMPLE-ONE", "<<example one>>"),
    *_example("Put this line into example/two.txt: <<example two>>", "example/two.txt", "<<example two>>"),
    *_example("Make example-three.md that says: <<example three>>", "example-three.md", "<<example three>>"),
)
"""What a model of 135 million parameters must have seen to do it: without them it searches for ever. Nothing in them
can be taken for work, and what repeats them has failed."""
EXAMPLE_PATTERN = re.compile(r"<<example|EXAMPLE-ONE|example/two\.txt|example-three\.md")
PATH_PATTERN = re.compile(r"(?<![\w/.~-])(?:[\w-]+/)*(?:[\w-]*\.[A-Za-z][A-Za-z0-9]{0,7}|[A-Z][A-Z0-9_]{3,})(?![\w/])")
"""What looks like a file's path in a text: `src/names.txt`, `Makefile.am`, `VERSION`."""


@dataclass(frozen=True, kw_only=True)
class ToolWorker:
    """A model as one who works in rounds. What was said in earlier rounds it is given again."""

    model: Model
    sandbox: Sandbox
    node: str
    policy: ToolPolicy = UNATTENDED_POLICY
    limits: ToolLoopLimits = field(default_factory=ToolLoopLimits)
    name: str = "builtin"
    repeats: bool = True

    def version(self) -> str:
        """The model's name: there is no program."""
        return ""

    def begin(self, job: AgentJob) -> str:
        """The task; the handoff stands above it. A small model is not told what will be run: it would answer that."""
        return prompts.short_prompt(job, tests=not self._small)

    @property
    def _small(self) -> bool:
        return self.model.context_tokens < SMALL_CONTEXT_TOKENS

    def work(self, prompt: str, site: AttemptDir, bounds: AttemptLimits) -> RoundResult:
        """One round. What the model lacks is the round's error."""
        ground = ChatWorkspace(folder=site.job.folder, git=site.workspace.folder / "git" if site.workspace else None)
        box = toolbox.build_toolbox(
            ground,
            sandbox=self.sandbox,
            policy=_restricted_policy(self.policy, site.job),
            node=self.node,
            confine=lambda home: confinement_for(site, site.environment(home)),
            warner=site.job.warner,
        )
        transcript = _Transcript(site.job.folder / TRANSCRIPT_FILE)
        start = [_system_message(site.job, box), *(EXAMPLES if self._small else ())]
        messages = [*start, *transcript.read(site), PromptMessage(role="user", content=prompt)]
        watch = bounds.watch(timed=True)
        competence = competence_of(self.model)
        heard, tally = (
            _OutputLog(site.job.say, words=not competence.is_toy),
            _ReportingUsage(tell=bounds.usage_meter.tell),
        )
        stepping = self._stepping(site.job, messages, box, heard, watch, tally)
        began, said, error, unanswered = time.monotonic(), None, "", False
        try:
            said = stepping.go()
            messages.append(PromptMessage(role="assistant", content=said.raw or said.text))
        except (ModelUnavailable, ContextTooLong, WrongPrompt) as caught:
            error, unanswered = str(caught), isinstance(caught, ModelUnavailable)
        heard.close()
        toy = competence.is_toy or is_toy_name(tally.usage.model)  # another model may have had to answer
        transcript.write(messages[len(start) :])
        site.remember(TRANSCRIPT_FILE)
        made = _RoundOutcome(
            said=said,
            error=error or _repeated_examples(stepping.calls, site.job),
            seconds=time.monotonic() - began,
            calls=stepping.calls,
            answer=_kept_answer(said, stepping, site.job, toy=toy),
        )
        ending = made.ending(bounds, watch)
        return RoundResult(
            told=made.told(tally.usage, ended=ending is Ending.EXIT),
            says=f"{self.model.name} worked for {made.seconds:.1f} s with {len(made.calls)} calls of tools",
            ending=ending,
            output=heard.text(words=not toy),
            seconds=made.seconds,
            parked=watch.over if ending is Ending.STOPPED and not bounds.stop.is_set() else "",
            unanswered=unanswered,
            notes=(f"all of its {self.limits.steps} calls of tools were used",) if made.finish == "steps" else (),
        )

    def _stepping(
        self,
        job: AgentJob,
        messages: list[PromptMessage],
        box: Toolbox,
        heard: _OutputLog,
        watch: RoundStopFlag,
        tally: AnswerUsage,
    ) -> ToolLoop:
        return ToolLoop(
            model=self.model,
            conversation=f"mission-{job.mission.name}-{job.attempt}",
            messages=messages,
            count=self.model.count,
            semaphore=FairSemaphore(),
            ticket=None,
            hear=heard.hear,
            stop=watch,
            limits=self.limits,
            box=box,
            approvals=ToolApprovals(new_id=lambda: ""),
            notes=_NoRecorder(),
            when=lambda: "",
            temperature=0.0 if self._small else None,
            paths=named_paths(f"{job.mission.title}\n{job.mission.body}") if self._small else (),
            ends_on_repeat=True,
            tally=tally,
        )


def _repeated_examples(calls: Sequence[ToolTrace], job: AgentJob) -> str:
    """What is wrong with work that repeats the examples which its model was shown; empty where it does not."""
    done = " ".join(json.dumps(call.arguments, default=str) for call in calls)
    found = EXAMPLE_PATTERN.search(done)
    if found is None or found[0] in job.mission.request:
        return ""
    return f"it repeated the examples that it was shown ({found[0]!r}) and did not do the task"


def _kept_answer(said: ToolLoopResult | None, stepping: ToolLoop, job: AgentJob, *, toy: bool) -> str:
    """What may be told on of what the model says at the end: of a toy only what a line or a tool bears out."""
    text = said.text.strip() if said else ""
    if not toy:
        return with_guards(text)
    given = spoken_line(job.mission.body, "the mission")
    return admission.admitted(text, job.answer_sources.and_lines((*given, *stepping.show.told)), toy=True)


def named_paths(text: str) -> tuple[str, ...]:
    """The paths that a text names."""
    return tuple(dict.fromkeys(PATH_PATTERN.findall(text)))


def _system_message(job: AgentJob, box: Toolbox) -> PromptMessage:
    return PromptMessage(
        role="system",
        content="\n\n".join(part for part in (job.context.strip(), toolbox.tool_instructions(box)) if part),
    )


@dataclass(frozen=True, kw_only=True)
class _RoundOutcome:
    """What came of a round's steps. Without `said`, the model failed with `error`."""

    said: ToolLoopResult | None
    error: str
    seconds: float
    calls: tuple[ToolTrace, ...]
    answer: str = ""

    @property
    def finish(self) -> str:
        return self.said.finish if self.said else ""

    def ending(self, bounds: AttemptLimits, watch: RoundStopFlag) -> Ending:
        if bounds.stop.is_set() or (self.finish == "cancelled" and watch.over):
            return Ending.STOPPED
        return Ending.TIMEOUT if self.finish == "cancelled" else Ending.EXIT

    def told(self, usage: Usage, *, ended: bool) -> ParsedOutput:
        whole = self.said is not None and self.finish not in ("length", "repeated")
        cut = "its answer was cut off: the model's context or its tokens for one step were used up"
        if self.finish == "repeated" and self.calls:
            last = self.calls[-1]
            cut = f"it called {last.act} {_shorten(last.arguments)} twice with the same result: it does not get on"
        refused = (
            f"{call.act} {_shorten(call.arguments)}" for call in self.calls if call.leave == ToolPermission.DENY.value
        )
        return ParsedOutput(
            ended=ended and whole,
            session=TRANSCRIPT_FILE,
            answer=self.answer if whole else "",
            error=self.error or ("" if whole else cut),
            denials=tuple(dict.fromkeys(refused)),
            usage=usage,
        )


def _shorten(arguments: object) -> str:
    return redacted_line(json.dumps(arguments, ensure_ascii=False, default=str), MAX_ARGUMENT_CHARACTERS)


class _NoRecorder:
    """Calls are told as events; nothing is stored of them."""

    def begin(self, call: ToolRequest, state: str) -> int:
        return 0

    def finish(self, number: int, traced: ToolTrace) -> None:
        return


@dataclass
class _ReportingUsage(AnswerUsage):
    """A tally whose sum is told while it grows."""

    tell: Callable[[Usage], None] = lambda usage: None

    def add(self, step: Usage) -> None:
        super().add(step)
        self.tell(self.usage)


@dataclass
class _OutputLog:
    """What people are shown: calls with their results, and the answer's lines."""

    say: Callable[[str], None]
    words: bool = True
    """Whether the model's own words are shown, too."""
    lines: list[tuple[str, bool]] = field(default_factory=list)
    """Each with whether it is the model's own words."""
    rest: str = ""

    def hear(self, event: AnswerEvent) -> None:
        if event.kind == "token" and self.words:
            *lines, self.rest = (self.rest + str(event.data["text"])).split("\n")
            self._show(lines, words=True)
        elif event.kind == "tool" and event.data["state"] in ("done", "failed"):
            result = str(event.data["result"]).strip()
            called = f"[{event.data['act']} {_shorten(event.data['arguments'])}]"
            self._show([called, *result.splitlines()], words=False)

    def close(self) -> None:
        self._show([self.rest] if self.rest else [], words=True)
        self.rest = ""

    def _show(self, lines: list[str], *, words: bool) -> None:
        for line in lines:
            self.lines.append((line, words))
            self.say(line)

    def text(self, *, words: bool) -> str:
        return "".join(f"{line}\n" for line, own in self.lines if words or not own)


@dataclass(frozen=True)
class _Transcript:
    """A conversation in a file, whole or not at all."""

    path: Path

    def read(self, site: AttemptDir) -> list[PromptMessage]:
        """What was said before; nothing where nothing can be read or the attempt is new."""
        if not site.kept.session:
            return []
        try:
            read: list[dict[str, Any]] = read_json(self.path.read_text(encoding="utf-8"))
            return [PromptMessage(role=str(each["role"]), content=str(each["content"])) for each in read]
        except (OSError, ValueError, TypeError, KeyError):
            return []

    def write(self, messages: list[PromptMessage]) -> None:
        text = json.dumps([vars(each) for each in messages], ensure_ascii=False)
        files.replace(self.path, text, durable=False)  # nor is the tree flushed that it tells of
