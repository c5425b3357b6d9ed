"""How does Claude Code do a round of work?

Run against versions 2.1.332 and 2.1.197 (`tests/agents`). An API error is `subtype: success` with `is_error: true`; the
budget is looked at after each call; `modelUsage` counts what `usage` still lacks; only `--setting-sources user` keeps
the hooks of a repository's `.claude/settings.json` from running, and with them its CLAUDE.md from being read: the
prompt has it. From 2.1.332 on a session that is resumed goes on with its sums, `total_cost_usd` and `modelUsage`, from
the last `cost-state` of its file (2.1.197 begins anew), so what was there before is taken off; `--max-budget-usd` is of
the round alone. A `result` is its last event only as long as no further turn begins. Its input stays open while it
works: what a person says meanwhile it takes in with the next result of a tool, or as a turn of its own.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handoff.warnings.action_warnings import MAX_ACTION_CHARS
from orchestrator.core.ports.model import Usage
from orchestrator.core.quota_window import QuotaWindow, read_window
from orchestrator.execution.programs.error_kinds import error_kind, error_line, proxy_refusal_kind
from orchestrator.execution.programs.home_files import copy_login_file
from orchestrator.execution.programs.install_lines import INSTALL_LINES
from orchestrator.execution.programs.installed import InstalledProgram
from orchestrator.execution.programs.json_events import (
    MAX_OPEN_CALLS,
    JsonEventParser,
    call_id,
    denied_call,
    main_argument,
    number_at,
    object_at,
    objects_at,
    text_at,
    usd_at,
)
from orchestrator.execution.programs.model_apis import ANTHROPIC, CLAUDE_TOKEN, with_keys
from orchestrator.execution.programs.port import (
    NOTHING_BEFORE,
    ErrorKind,
    Launch,
    OutputParser,
    RoundRequest,
    ToolServer,
)
from orchestrator.execution.programs.session_records import session_records

PROGRAM = InstalledProgram(name="claude", install=INSTALL_LINES["claude"])
MAX_TURNS = 200
LAST_MOMENT = 253_402_300_800
"""Seconds since 1970 at the end of the year 9999, after which there are no dates."""
HOOKED_TOOLS = "Bash|Edit|NotebookEdit|Write"
"""Its tools that run or change something."""
HOOK_SECONDS = 10
SERVER_START_MS = 60_000
"""For so long, in ms, may a server of tools take to begin."""
MAX_COUNTED_MESSAGES = 100_000
"""Messages of a round that are counted apart."""
TOOLS = "Bash,Edit,Glob,Grep,NotebookEdit,Read,Task,TodoWrite,Write"
"""What it may use, and without being asked. No web: the sandbox has none."""
TOOL_NAMES = {
    "search": ("Glob", "Grep"),
    "read": ("Read",),
    "write": ("Edit", "NotebookEdit", "Write"),
    "run": ("Bash",),
}
"""Its names for what policy names; `shell` is what `run` is. Its own notes it may always take."""
SESSION_FILE = ".claude/projects/*/{}.jsonl"
LOGIN_FILE = ".claude/.credentials.json"
LOGIN_HOSTS = ("api.anthropic.com:443", "console.anthropic.com:443", "platform.claude.com:443", "claude.ai:443")
ENVIRONMENT = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
}
SILENCE_VARIABLES = ("API_TIMEOUT_MS", "CLAUDE_STREAM_IDLE_TIMEOUT_MS", "CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS")
"""How long it waits for a model, in ms. The one of its runtime is in seconds."""
TOKEN_SUMS = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
"""Its names for the sums that it keeps of each model."""
TROUBLE_BY_CODE = {
    "authentication_failed": ErrorKind.LOGIN,
    "oauth_org_not_allowed": ErrorKind.LOGIN,
    "billing_error": ErrorKind.QUOTA,
    "rate_limit": ErrorKind.QUOTA,
    "error_max_turns": ErrorKind.TURNS,
    "error_max_budget_usd": ErrorKind.BUDGET,
}
"""Its own words for what went wrong."""


@dataclass(frozen=True, kw_only=True)
class Claude:
    """`claude -p`. `turns` bounds a round."""

    turns: int = MAX_TURNS
    name: str = "claude"
    installed: InstalledProgram = PROGRAM
    unread_rules: tuple[str, ...] = ("AGENTS.md", "CLAUDE.md")

    def missing(self) -> str | None:
        """What it lacks: the program, or a log-in."""
        if why := self.installed.missing():
            return why
        if with_keys(ANTHROPIC, CLAUDE_TOKEN) or self.installed.logged_in(LOGIN_FILE):
            return None
        return "claude has no log-in: set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN, or run `claude` and /login once"

    def version(self) -> str:
        """Its version."""
        return self.installed.version()

    def launch(self, brief: RoundRequest) -> Launch:
        """A round; with a session, it goes on with that conversation. Raises OSError."""
        keys = with_keys(ANTHROPIC, CLAUDE_TOKEN)[:1]
        lent = not keys and copy_login_file(brief.home, LOGIN_FILE)
        session = ("--resume", brief.session) if brief.session else ("--session-id", str(uuid.uuid4()))
        model = ("--model", brief.model) if brief.model else ()
        budget = () if brief.budget_usd is None else ("--max-budget-usd", f"{max(brief.budget_usd, 0.0001):.4f}")
        tools = TOOLS if brief.tools is None else _tool_names(brief.tools)
        allowed = ",".join((tools, *_server_tools(brief.servers)))
        words = (
            *("-p", "--output-format", "stream-json", "--verbose", *session, *model, *budget),
            *("--input-format", "stream-json", "--replay-user-messages"),
            *("--max-turns", str(self.turns), "--setting-sources", "user", "--strict-mcp-config"),
            *(("--mcp-config", _server_settings(brief.servers)) if brief.servers else ()),
            *("--permission-mode", "dontAsk", "--tools", tools, "--allowedTools", allowed),
            *(("--settings", _hook_settings(brief.unfailing_hook)) if brief.hook else ()),
        )
        return Launch(
            argv=(*self.installed.argv(), *words),
            spoken_to=_user_line,
            environment=ENVIRONMENT | _silence_settings(brief.silence_ms) | _server_waits(brief.servers),
            readable=self.installed.readable(),
            upstreams=keys,
            hosts=LOGIN_HOSTS if lent else (),
            taken_before=session_sums(brief.home, brief.session),
            hooked=bool(brief.hook),
        )

    def reading(self, before: Mapping[str, Any] = NOTHING_BEFORE) -> OutputParser:
        """A fresh reading; `before` are the sums with which the session goes on."""
        return ClaudeOutputParser(before)


def _hook_settings(command: str) -> str:
    """What has it run a command before each of its calls that runs or changes something."""
    hook = {"type": "command", "command": command, "timeout": HOOK_SECONDS}
    return json.dumps({"hooks": {"PreToolUse": [{"matcher": HOOKED_TOOLS, "hooks": [hook]}]}})


def _server_settings(servers: tuple[ToolServer, ...]) -> str:
    """The servers that it starts; `--strict-mcp-config` keeps it from all others."""
    told = {
        each.name: {
            "type": "stdio",
            "command": each.command[0],
            "args": list(each.command[1:]),
            "env": dict(each.environment),
        }
        for each in servers
    }
    return json.dumps({"mcpServers": told})


def _server_tools(servers: tuple[ToolServer, ...]) -> Iterator[str]:
    """What of them it may use without being asked, in its names."""
    for each in servers:
        yield from (f"mcp__{each.name}__{tool}" for tool in each.tools) if each.tools else (f"mcp__{each.name}",)


def _server_waits(servers: tuple[ToolServer, ...]) -> dict[str, str]:
    """For how long, in ms, it waits for a server to begin, and for its slowest one to answer."""
    if not servers:
        return {}
    longest = max(each.milliseconds for each in servers)
    return {"MCP_TIMEOUT": str(SERVER_START_MS), "MCP_TOOL_TIMEOUT": str(longest)}


def session_sums(home: Path, session: str) -> dict[str, Any]:
    """The sums of a session with which the program goes on when it is resumed; empty for a new one. Raises OSError."""
    records = session_records(home, SESSION_FILE, session, "cost-state")
    states = [each for each in records if text_at(each, "type") == "cost-state"]
    return states[-1] if states else {}


def _user_line(text: str) -> bytes:
    """A person's words as a line of `--input-format stream-json`."""
    message = {"role": "user", "content": [{"type": "text", "text": text}]}
    said = {"type": "user", "message": message, "parent_tool_use_id": None, "session_id": ""}
    return json.dumps(said, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _silence_settings(silence_ms: int) -> dict[str, str]:
    """It would ask a silent model again after 300 s."""
    waits = dict.fromkeys(SILENCE_VARIABLES, str(silence_ms))
    return {**waits, "BUN_CONFIG_HTTP_IDLE_TIMEOUT": str(silence_ms // 1000)}


def _tool_names(tools: tuple[str, ...]) -> str:
    """What policy lets it use, in its own names."""
    wanted = ["run" if tool == "shell" else tool for tool in tools]
    return ",".join(dict.fromkeys(["TodoWrite", *(name for tool in wanted for name in TOOL_NAMES.get(tool, ()))]))


class ClaudeOutputParser(JsonEventParser):
    """Reads `--output-format stream-json`."""

    def __init__(
        self, before: Mapping[str, Any] = NOTHING_BEFORE, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__()
        self._before, self._now = before, now
        self._asked: dict[str, Usage] = {}
        self._class = ""
        self._resets = 0
        self._open: dict[str, str] = {}
        """What calls do that have no result yet, by their id."""

    def hear(self, found: dict[str, Any]) -> str:
        """Takes one event."""
        self.session = text_at(found, "session_id") or self.session
        kind = text_at(found, "type")
        if kind == "result":
            return self._result(found)
        if kind == "assistant" or (kind == "system" and text_at(found, "subtype") == "init"):
            self.ended = False  # another turn has begun
        match kind, text_at(found, "subtype"):
            case "assistant", _:
                return self._assistant(found)
            case "system", "api_retry":
                return _describe_retry(found)
            case "user", _ if found.get("isReplay") is True:
                self.heard += 1  # of what it was sent: it says so when it takes it in
            case "user", _:
                self._results(found)
            case "rate_limit_event", _:
                self._resets = number_at(found, "rate_limit_info", "resetsAt")
                self.windows |= {each.kind: each for each in _windows(object_at(found, "rate_limit_info"), self._now())}
        return ""

    def _assistant(self, found: dict[str, Any]) -> str:
        self._class = text_at(found, "error") or self._class
        self._count(text_at(found, "message", "id"), _message_usage(object_at(found, "message")))
        for block in objects_at(found, "message", "content"):
            if action := _action(block):
                self._open[call_id(block, "id")] = action
                while len(self._open) > MAX_OPEN_CALLS:
                    self._open.pop(next(iter(self._open)))
        return "\n".join(filter(None, map(_describe_block, objects_at(found, "message", "content"))))

    def _results(self, found: dict[str, Any]) -> None:
        """The results of calls, which come as a message of the user's."""
        for block in objects_at(found, "message", "content"):
            if text_at(block, "type") == "tool_result" and (
                action := self._open.pop(call_id(block, "tool_use_id"), "")
            ):
                done = block.get("is_error") is not True
                self.act(action, ok=done, call=call_id(block, "tool_use_id"), hooked=True)

    def _count(self, name: str, call: Usage) -> None:
        """Each message's last word counts, it is told several times."""
        before = self._asked.get(name, Usage())
        if name not in self._asked and len(self._asked) >= MAX_COUNTED_MESSAGES:
            return
        self._asked[name], so_far = call, self.usage
        self.usage = Usage(
            model=so_far.model if call.model.startswith("<") else call.model or so_far.model,
            backend="claude",
            tokens_in=so_far.tokens_in + call.tokens_in - before.tokens_in,
            tokens_out=so_far.tokens_out + call.tokens_out - before.tokens_out,
            tokens_cached=so_far.tokens_cached + call.tokens_cached - before.tokens_cached,
            tokens_written=so_far.tokens_written + call.tokens_written - before.tokens_written,
        )

    def _result(self, found: dict[str, Any]) -> str:
        self.ended, self.error, self.trouble = True, "", None
        self.answer = text_at(found, "result")
        for each in objects_at(found, "permission_denials"):
            self.deny(denied_call(each), call_id(each, "tool_use_id"))
        self.usage = _result_usage(found, self._before) or self.usage
        kind = text_at(found, "subtype")
        if found.get("is_error") or kind.startswith("error"):
            said = self.answer or "; ".join(each for each in found.get("errors") or () if isinstance(each, str)) or kind
            status = number_at(found, "api_error_status")
            self.error = error_line(said)
            self.trouble = (
                TROUBLE_BY_CODE.get(kind)
                or proxy_refusal_kind(said)
                or TROUBLE_BY_CODE.get(self._class)
                or error_kind(said, status)
            )
            if self.trouble is ErrorKind.QUOTA and 0 < self._resets < LAST_MOMENT:
                self.error += f" (more at {datetime.fromtimestamp(self._resets, UTC):%Y-%m-%d %H:%M} UTC)"
            return f"[{self.trouble}: {self.error}]"
        if text_at(found, "stop_reason") == "tool_deferred":
            what = denied_call(_named_call(object_at(found, "deferred_tool_use")))
            self.error = error_line(f"a call was put off until a person allows it, so the work is not done: {what}")
            self.deny(what)
            return f"[{self.error}]"
        return ""


def _windows(told: dict[str, Any], now: datetime) -> Iterator[QuotaWindow]:
    """The windows of a log-in's account. One that is used up stops nothing while its overage is paid for."""
    for kind, each in object_at(told, "unifiedWindows").items():
        used = usd_at(each, "utilization")
        share = None if used is None else used * 100
        if found := read_window(kind, number_at(each, "resetsAt"), now, used_percent=share):
            yield found
    rejected = text_at(told, "status") == "rejected" and told.get("isUsingOverage") is not True
    kind, used = text_at(told, "rateLimitType") or "unified", usd_at(told, "utilization")
    share = 100.0 if rejected else None if used is None else used * 100
    if rejected or share is not None:
        found = read_window(kind, number_at(told, "resetsAt"), now, used_percent=share, exhausted=rejected)
        if found:
            yield found


def _describe_retry(found: dict[str, Any]) -> str:
    what = " ".join(filter(None, (str(number_at(found, "error_status") or ""), text_at(found, "error"))))
    return f"[the model's API is asked again in {number_at(found, 'retry_delay_ms') / 1000:.0f} s: {error_line(what)}]"


def _named_call(deferred: dict[str, Any]) -> dict[str, Any]:
    return {"tool_name": text_at(deferred, "name"), "tool_input": object_at(deferred, "input")}


def _message_usage(message: dict[str, Any]) -> Usage:
    cached, written = (number_at(message, "usage", f"cache_{way}_input_tokens") for way in ("read", "creation"))
    return Usage(
        model=text_at(message, "model"),
        backend="claude",
        tokens_in=number_at(message, "usage", "input_tokens") + cached + written,
        tokens_out=number_at(message, "usage", "output_tokens"),
        tokens_cached=cached,
        tokens_written=written,
    )


def _result_usage(found: dict[str, Any], before: Mapping[str, Any]) -> Usage | None:
    """What the result says that the round took, over all models; the one that cost most gives the name."""
    models = {name: each for name, each in object_at(found, "modelUsage").items() if isinstance(each, dict)}
    if not models:
        return None
    past = object_at(before, "modelUsage")
    if any(number_at(models.get(name), each) < number_at(past[name], each) for name in past for each in TOKEN_SUMS):
        past, before = {}, {}  # sums that fell were begun anew
    read, out, cached, written = (
        sum(max(0, number_at(models[name], each) - number_at(past.get(name), each)) for name in models)
        for each in TOKEN_SUMS
    )
    cost, spent = usd_at(found, "total_cost_usd"), usd_at(before, "totalCostUSD") or 0.0
    return Usage(
        model=max(models, key=lambda name: (_cost_since(models[name], past.get(name)), name)).partition("[")[0],
        backend="claude",
        tokens_in=read + cached + written,
        tokens_out=out,
        tokens_cached=cached,
        tokens_written=written,
        cost_usd=None if cost is None else max(0.0, cost - spent),
    )


def _cost_since(now: object, before: object) -> float:
    """USD that a model has cost since."""
    return (usd_at(now, "costUSD") or 0.0) - (usd_at(before, "costUSD") or 0.0)


def _describe_block(block: dict[str, Any]) -> str:
    if text_at(block, "type") == "text":
        return text_at(block, "text")
    if text_at(block, "type") == "tool_use":
        return f"[{text_at(block, 'name')} {main_argument(object_at(block, 'input'))}]"
    return ""


def _action(block: dict[str, Any]) -> str:
    """What a call runs or changes; "" for one that only looks."""
    if text_at(block, "type") != "tool_use" or text_at(block, "name") not in HOOKED_TOOLS.split("|"):
        return ""
    given = object_at(block, "input")
    named = text_at(given, "command") or text_at(given, "file_path") or text_at(given, "notebook_path")
    return named[:MAX_ACTION_CHARS]
