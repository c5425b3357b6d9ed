"""Which transcripts does a measurement read: as many samples as it takes, in the shapes that the real programs write?

The shapes are those of claude 2.1.332, codex 0.171.0, gemini 0.61.0, opencode 1.18.33 and aider 0.86.2, with as much of
their own records (requests, snapshots, instructions) as a session of two questions has. Words are of fixed chance.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

from orchestrator.core.time_text import format_utc

BEGAN = datetime(2026, 8, 1, 8, tzinfo=UTC)
SYLLABLES = "ba be bi bo bu ca ce co da de di do fa fi fo ga go ka ke ki la le li lo ma me mi mo na ne no pa pe"
OWN_RECORD = {"instructions": "x" * 6_000}
"""What a program keeps for itself with each question."""
PROJECTS = 14
Json = dict[str, Any]


class SampleWords:
    """Words of fixed chance: some are everywhere, most are rare."""

    def __init__(self, seed: int = 17) -> None:
        self.chance = random.Random(seed)  # noqa: S311  # the same on every machine
        drawn = iter(self.chance.choices(SYLLABLES.split(), k=3 * 20_000))  # in one call: a third of the time
        self.vocabulary = sorted({"".join(syllables) for syllables in zip(drawn, drawn, drawn, strict=True)})
        self._weights = list(accumulate(1 / (rank + 3) for rank in range(len(self.vocabulary))))

    def said(self, count: int) -> str:
        """So many of them."""
        return " ".join(self.chance.choices(self.vocabulary, cum_weights=self._weights, k=count))


@dataclass(frozen=True, kw_only=True)
class SampleStep:
    """One thing in a session: `kind` is asked, wrote, ran or said."""

    kind: str
    text: str
    output: str = ""
    failed: bool = False
    when: datetime = BEGAN


@dataclass(frozen=True, kw_only=True)
class SampleSession:
    """A session as every program may have had it."""

    ident: str
    project: str
    steps: tuple[SampleStep, ...]


def sample_sessions(count: int, words: SampleWords) -> Iterator[SampleSession]:
    """Sessions with two questions, a file, a command that failed and one that did not."""
    for number in range(count):
        project, when = f"/home/user/projects/shop-{number % PROJECTS}", BEGAN + timedelta(minutes=90 * number)
        test = f"pytest tests/{words.said(1)}.py"
        said = [
            SampleStep(kind="asked", text=words.said(12).capitalize()),
            SampleStep(kind="wrote", text=f"{project}/src/{words.said(1)}.py", output=words.said(40)),
            SampleStep(kind="ran", text=test, output=words.said(80), failed=True),
            SampleStep(kind="said", text=f"Half of it: {words.said(30)}."),
            SampleStep(kind="asked", text=words.said(8).capitalize()),
            SampleStep(kind="ran", text=f"{test} -x", output=words.said(60)),
            SampleStep(kind="said", text=f"Done: {words.said(30)}."),
        ]
        steps = [
            SampleStep(**{**vars(one), "when": when + timedelta(seconds=9 * place)}) for place, one in enumerate(said)
        ]
        yield SampleSession(ident=f"{number:08x}-1111-4111-8111-{number:012x}", project=project, steps=tuple(steps))


def write_samples(program: str, home: Path, count: int) -> None:
    """Writes so many sessions of a program where it keeps them below a home folder."""
    WRITERS[program](home, sample_sessions(count, SampleWords()))


def _write_lines(path: Path, records: Sequence[Json]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records))


def _claude(home: Path, sessions: Iterator[SampleSession]) -> None:
    for one in sessions:
        shared = {"isSidechain": False, "cwd": one.project, "sessionId": one.ident, "version": "2.1.332"}
        records: list[Json] = [{"type": "queue-operation", "operation": "enqueue", "sessionId": one.ident}]
        for place, step in enumerate(one.steps):
            own = shared | {"timestamp": f"{format_utc(step.when)[:-1]}.250Z", "uuid": f"{one.ident}-{place}"}
            for kind, message in _claude_messages(step, f"toolu_{place}"):
                records.append({"type": kind, "message": message, **own})
            if step.kind == "asked":
                kinds = ("api-request-shape", "api-request-blob", "api-request", "tools-used")
                records += [{"type": kind, "sessionId": one.ident, "shape": OWN_RECORD} for kind in kinds]
        folder = home / ".claude" / "projects" / one.project.replace("/", "-")
        _write_lines(folder / f"{one.ident}.jsonl", records)


def _claude_messages(step: SampleStep, ident: str) -> Iterator[tuple[str, Json]]:
    usage = {"input_tokens": 1000, "output_tokens": 50, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    head = {"id": f"msg_{ident}", "model": "claude-opus-5-5", "role": "assistant", "usage": usage}
    if step.kind == "asked":
        yield "user", {"role": "user", "content": step.text}
    elif step.kind == "said":
        yield "assistant", head | {"content": [{"type": "text", "text": step.text}]}
    else:
        ran = step.kind == "ran"
        given = {"command": step.text} if ran else {"file_path": step.text, "content": step.output}
        call = {"type": "tool_use", "id": ident, "name": "Bash" if ran else "Write", "input": given}
        yield "assistant", head | {"content": [call]}
        result = {"type": "tool_result", "tool_use_id": ident, "content": step.output, "is_error": step.failed}
        yield "user", {"role": "user", "content": [result]}


def _codex(home: Path, sessions: Iterator[SampleSession]) -> None:
    for one in sessions:
        begun = one.steps[0].when
        meta = {"id": one.ident, "cwd": one.project, "cli_version": "0.171.0", "base_instructions": OWN_RECORD}
        records: list[tuple[datetime, str, Json]] = [(begun, "session_meta", meta)]
        total = 0
        for place, step in enumerate(one.steps):
            records += [(step.when, kind, payload) for kind, payload in _codex_payloads(step, f"call_{place}", one)]
            if step.kind != "asked":
                total += 1000
                used = {"input_tokens": total, "output_tokens": total // 20}
                info = {"type": "token_count", "info": {"total_token_usage": used}}
                records.append((step.when, "event_msg", info))
        told = [
            {"timestamp": f"{format_utc(when)[:-1]}.5Z", "ordinal": place, "type": kind, "payload": payload}
            for place, (when, kind, payload) in enumerate(records)
        ]
        name = f"rollout-{begun:%Y-%m-%dT%H-%M-%S}-{one.ident}.jsonl"
        _write_lines(home / ".codex" / "sessions" / f"{begun:%Y/%m/%d}" / name, told)


def _codex_payloads(step: SampleStep, ident: str, one: SampleSession) -> Iterator[tuple[str, Json]]:
    if step.kind == "asked":
        context = {"cwd": one.project, "model": "gpt-6.2-sol", "collaboration_mode": OWN_RECORD}
        yield "turn_context", context
        told = [{"type": "input_text", "text": f"<environment_context>\n  <cwd>{one.project}</cwd>"}]
        yield "response_item", {"type": "message", "role": "user", "content": told}
        asked = [{"type": "input_text", "text": step.text}]
        yield "response_item", {"type": "message", "role": "user", "content": asked}
    elif step.kind == "said":
        said = [{"type": "output_text", "text": step.text}]
        yield "response_item", {"type": "message", "role": "assistant", "content": said}
    elif step.kind == "wrote":
        item = {"type": "FileChange", "id": ident, "changes": {step.text: {"type": "add", "content": step.output}}}
        yield "event_msg", {"type": "item_completed", "item": item | {"status": "completed"}}
    else:
        item = {"type": "CommandExecution", "id": ident, "command": ["/bin/bash", "-lc", step.text]}
        ended = {"status": "failed" if step.failed else "completed", "exit_code": int(step.failed)}
        yield "event_msg", {"type": "item_completed", "item": item | ended | {"aggregated_output": step.output}}


def _gemini(home: Path, sessions: Iterator[SampleSession]) -> None:
    top = home / ".gemini" / "tmp"
    for number, one in enumerate(sessions):
        begun, slug = one.steps[0].when, one.project.rpartition("/")[2]
        records: list[Json] = [{"sessionId": one.ident, "startTime": format_utc(begun), "kind": "main"}]
        context = {"id": "context", "type": "user", "content": [{"text": f"<session_context>{OWN_RECORD}"}]}
        records.append({"$set": {"messages": [context]}})
        for place, step in enumerate(one.steps):
            when = {"timestamp": format_utc(step.when)}
            records += [message | when for message in _gemini_messages(step, f"m{place}")]
            records.append({"$set": {"lastUpdated": format_utc(step.when)}})
        _write_lines(top / slug / "chats" / f"session-{begun:%Y-%m-%dT%H-%M}-{number:08x}.jsonl", records)
        (top / slug / ".project_root").write_text(one.project)


def _gemini_messages(step: SampleStep, ident: str) -> Iterator[Json]:
    tokens = {"input": 1000, "output": 50, "cached": 0}
    head = {"id": ident, "type": "gemini", "content": "", "tokens": tokens, "model": "gemini-3.1-pro-preview"}
    if step.kind == "asked":
        yield {"id": ident, "type": "user", "content": [{"text": step.text}]}
    elif step.kind == "said":
        yield head | {"content": step.text}
    else:
        ran = step.kind == "ran"
        given = {"command": step.text} if ran else {"file_path": step.text, "content": step.output}
        output = f"{step.output}\nExit Code: 1\nProcess Group PGID: 7" if step.failed else step.output
        response = {"functionResponse": {"id": ident, "response": {"output": output}}}
        name = "run_shell_command" if ran else "write_file"
        yield head
        yield head | {
            "toolCalls": [{"id": ident, "name": name, "args": given, "result": [response], "status": "success"}]
        }


_OPENCODE_TABLES = """
CREATE TABLE session (id text PRIMARY KEY, parent_id text, directory text NOT NULL, title text NOT NULL,
    time_created integer NOT NULL, time_updated integer NOT NULL);
CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL,
    time_updated integer NOT NULL, data text NOT NULL);
CREATE TABLE part (id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL,
    time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE INDEX message_session ON message (session_id, time_created, id);
CREATE INDEX part_session ON part (session_id);
"""


def _opencode(home: Path, sessions: Iterator[SampleSession]) -> None:
    path = home / ".local" / "share" / "opencode" / "opencode.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.executescript(_OPENCODE_TABLES)
        for one in sessions:
            begun, ended = (int(one.steps[place].when.timestamp() * 1000) for place in (0, -1))
            row = (one.ident, None, one.project, "New session", begun, ended)
            conn.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", row)
            for place, step in enumerate(one.steps):
                _opencode_step(conn, one, f"{one.ident}-{place:03}", step)


def _opencode_step(conn: sqlite3.Connection, one: SampleSession, ident: str, step: SampleStep) -> None:
    when = int(step.when.timestamp() * 1000)
    role = "user" if step.kind == "asked" else "assistant"
    message = {"role": role, "modelID": "claude-sonnet-4-6", "providerID": "anthropic"}
    conn.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?)", (ident, one.ident, when, when, json.dumps(message)))
    parts: list[Json] = [{"type": "text", "text": step.text}]
    if step.kind in {"ran", "wrote"}:
        ran = step.kind == "ran"
        given = {"command": step.text} if ran else {"filePath": step.text, "content": step.output}
        state = {"status": "completed", "input": given, "output": step.output, "metadata": {"exit": int(step.failed)}}
        parts = [{"type": "tool", "tool": "bash" if ran else "write", "callID": ident, "state": state}]
    if step.kind != "asked":
        tokens = {"input": 1000, "output": 50, "reasoning": 0, "cache": {"read": 0, "write": 0}}
        parts = [{"type": "step-start"}, *parts, {"type": "step-finish", "tokens": tokens, "cost": 0.004}]
    for place, part in enumerate(parts):
        row = (f"{ident}-{place}", ident, one.ident, when + place, when + place, json.dumps(part))
        conn.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", row)


def _aider(home: Path, sessions: Iterator[SampleSession]) -> None:
    texts: dict[str, list[str]] = {}
    for one in sessions:
        lines = [f"\n# aider chat started at {one.steps[0].when:%Y-%m-%d %H:%M:%S}\n", "> Aider v0.86.2  "]
        lines += ["> Model: anthropic/claude-sonnet-4-5 with diff edit format, infinite output  ", ""]
        for step in one.steps:
            if step.kind == "asked":
                lines.append(f"#### {step.text}  \n")
            elif step.kind == "ran":
                lines.append(f"#### /run {step.text}  \n> Added 1 line of output to the chat.  \n")
            elif step.kind == "wrote":
                lines.append(f"> Applied edit to {step.text.removeprefix(one.project + '/')}  ")
            else:
                lines.append(f"{step.text}\n\n> Tokens: 1.0k sent, 50 received. Cost: $0.0037 message.  \n")
        texts.setdefault(one.project.rpartition("/")[2], []).append("\n".join(lines))
    for project, parts in texts.items():
        (home / "projects" / project).mkdir(parents=True, exist_ok=True)
        (home / "projects" / project / ".aider.chat.history.md").write_text("".join(parts))


WRITERS: dict[str, Callable[[Path, Iterator[SampleSession]], None]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
    "aider": _aider,
}
