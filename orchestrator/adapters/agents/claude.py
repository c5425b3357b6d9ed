"""How does Claude Code do a round of work?

Run against version 2.1.197 (`tests/agents`). An API error is `subtype: success` with `is_error: true`; the budget is
looked at after each call; `modelUsage` counts what `usage` still lacks; only `--setting-sources user` keeps the hooks
of a repository's `.claude/settings.json` from running.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from orchestrator.core.ports.agent import Usage
from orchestrator.execution.programs.error_kinds import from_line, one_line, trouble_of
from orchestrator.execution.programs.home_files import fed, lend
from orchestrator.execution.programs.installed import Installed
from orchestrator.execution.programs.json_events import Hearing, count, dollars, items, table, text
from orchestrator.execution.programs.model_apis import ANTHROPIC, CLAUDE_TOKEN, with_keys
from orchestrator.execution.programs.port import Brief, Launch, Reading, Trouble

PROGRAM = Installed(name="claude", install="npm install -g @anthropic-ai/claude-code")
TURNS = 200
CALLS = 100_000
"""Messages of a round that are counted apart."""
TOOLS = "Bash,Edit,Glob,Grep,NotebookEdit,Read,Task,TodoWrite,Write"
"""What it may use, and without being asked. No web: the sandbox has none."""
OF = {"search": ("Glob", "Grep"), "read": ("Read",), "write": ("Edit", "NotebookEdit", "Write"), "run": ("Bash",)}
"""Its names for what policy names; `shell` is what `run` is. Its own notes it may always take."""
LOGIN = ".claude/.credentials.json"
HOSTS = ("api.anthropic.com:443", "console.anthropic.com:443", "platform.claude.com:443", "claude.ai:443")
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",
}
CLASSES = {
    "authentication_failed": Trouble.LOGIN,
    "oauth_org_not_allowed": Trouble.LOGIN,
    "billing_error": Trouble.QUOTA,
    "rate_limit": Trouble.QUOTA,
    "error_max_turns": Trouble.TURNS,
    "error_max_budget_usd": Trouble.BUDGET,
}
"""Its own words for what went wrong."""


@dataclass(frozen=True, kw_only=True)
class Claude:
    """`claude -p`. `turns` bounds a round."""

    turns: int = TURNS
    name: str = "claude"
    installed: Installed = PROGRAM

    def missing(self) -> str | None:
        """What it lacks: the program, or a log-in."""
        if why := self.installed.missing():
            return why
        if with_keys(ANTHROPIC, CLAUDE_TOKEN) or self.installed.logged_in(LOGIN):
            return None
        return "claude has no log-in: set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN, or run `claude` and /login once"

    def version(self) -> str:
        """Its version."""
        return self.installed.version()

    def launch(self, brief: Brief) -> Launch:
        """A round; with a session, it goes on with that conversation. Raises OSError."""
        keys = with_keys(ANTHROPIC, CLAUDE_TOKEN)[:1]
        lent = not keys and lend(brief.home, LOGIN)
        session = ("--resume", brief.session) if brief.session else ("--session-id", str(uuid.uuid4()))
        model = ("--model", brief.model) if brief.model else ()
        budget = () if brief.budget_usd is None else ("--max-budget-usd", f"{max(brief.budget_usd, 0.0001):.4f}")
        tools = TOOLS if brief.tools is None else _named(brief.tools)
        words = (
            *("-p", "--output-format", "stream-json", "--verbose", *session, *model, *budget),
            *("--max-turns", str(self.turns), "--setting-sources", "user", "--strict-mcp-config"),
            *("--permission-mode", "dontAsk", "--tools", tools, "--allowedTools", tools),
        )
        return Launch(
            argv=fed(brief.home, brief.prompt, *self.installed.argv(), *words),
            environment=QUIET,
            readable=self.installed.readable(),
            upstreams=keys,
            hosts=HOSTS if lent else (),
        )

    def reading(self) -> Reading:
        """A fresh reading."""
        return ClaudeReading()


def _named(tools: tuple[str, ...]) -> str:
    """What policy lets it use, in its own names."""
    wanted = ["run" if tool == "shell" else tool for tool in tools]
    return ",".join(dict.fromkeys(["TodoWrite", *(name for tool in wanted for name in OF.get(tool, ()))]))


class ClaudeReading(Hearing):
    """Reads `--output-format stream-json`."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[str, Usage] = {}
        self._class = ""

    def hear(self, found: dict[str, Any]) -> str:
        """Takes one event."""
        self.session = text(found, "session_id") or self.session
        kind = text(found, "type")
        if kind == "result":
            return self._result(found)
        if kind == "assistant":
            return self._assistant(found)
        return ""

    def _assistant(self, found: dict[str, Any]) -> str:
        self._class = text(found, "error") or self._class
        self._count(text(found, "message", "id"), _call(table(found, "message")))
        return "\n".join(filter(None, map(_shown, items(found, "message", "content"))))

    def _count(self, name: str, call: Usage) -> None:
        """Each message's last word counts, it is told several times."""
        before = self._asked.get(name, Usage())
        if name not in self._asked and len(self._asked) >= CALLS:
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
        self.ended = True
        self.answer = text(found, "result")
        for each in items(found, "permission_denials"):
            self.deny(_denial(each))
        self.usage = _bill(found) or self.usage
        kind = text(found, "subtype")
        if found.get("is_error") or kind.startswith("error"):
            said = self.answer or "; ".join(each for each in found.get("errors") or () if isinstance(each, str)) or kind
            status = count(found, "api_error_status")
            self.error = one_line(said)
            self.trouble = CLASSES.get(kind) or from_line(said) or CLASSES.get(self._class) or trouble_of(said, status)
            return f"[{self.trouble}: {self.error}]"
        return ""


def _call(message: dict[str, Any]) -> Usage:
    cached, written = (count(message, "usage", f"cache_{way}_input_tokens") for way in ("read", "creation"))
    return Usage(
        model=text(message, "model"),
        backend="claude",
        tokens_in=count(message, "usage", "input_tokens") + cached + written,
        tokens_out=count(message, "usage", "output_tokens"),
        tokens_cached=cached,
        tokens_written=written,
    )


def _bill(found: dict[str, Any]) -> Usage | None:
    """What the result says that the round took, over all models; the one that cost most gives the name."""
    models = {name: each for name, each in table(found, "modelUsage").items() if isinstance(each, dict)}
    if not models:
        return None
    cached, written = (
        sum(count(each, f"cache{way}InputTokens") for each in models.values()) for way in ("Read", "Creation")
    )
    return Usage(
        model=max(models, key=lambda name: (dollars(models[name], "costUSD") or 0.0, name)).partition("[")[0],
        backend="claude",
        tokens_in=sum(count(each, "inputTokens") for each in models.values()) + cached + written,
        tokens_out=sum(count(each, "outputTokens") for each in models.values()),
        tokens_cached=cached,
        tokens_written=written,
        cost_usd=dollars(found, "total_cost_usd"),
    )


def _shown(block: dict[str, Any]) -> str:
    if text(block, "type") == "text":
        return text(block, "text")
    if text(block, "type") == "tool_use":
        return f"[{text(block, 'name')} {_what(table(block, 'input'))}]"
    return ""


def _denial(found: dict[str, Any]) -> str:
    return f"{text(found, 'tool_name')} {_what(table(found, 'tool_input'))}".strip()


def _what(given: dict[str, Any]) -> str:
    said = next((text(given, key) for key in ("command", "file_path", "pattern", "path") if text(given, key)), "")
    return one_line(said)[:200]
