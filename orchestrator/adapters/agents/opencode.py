"""How does opencode do a round of work?

Run against version 1.18.33 (`tests/agents`). Costs are told for each step and summed here. A refused permission exits
with 0. A model API that fails is asked five more times in about a minute, which its log tells, and then the round ends
with an `error`. `.opencode` of a repository is hidden from it: it runs the plugins there whatever it is told. A plugin
of ours asks at changes of files, and bash at commands; without it none is loaded (`--pure`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.adapters.agents.opencode_plugin import CHANGING_TOOLS, write_plugin
from orchestrator.core.ports.action_warner import REFUSED_ONCE
from orchestrator.core.ports.model import Usage
from orchestrator.execution.programs.error_kinds import error_kind, error_line
from orchestrator.execution.programs.home_files import copy_login_file, stdin_command
from orchestrator.execution.programs.install_lines import INSTALL_LINES
from orchestrator.execution.programs.installed import InstalledProgram
from orchestrator.execution.programs.json_events import (
    JsonEventParser,
    call_id,
    number_at,
    object_at,
    patched_files,
    text_at,
    usd_at,
    value_at,
)
from orchestrator.execution.programs.model_apis import ANTHROPIC, GEMINI, OPENAI, with_keys
from orchestrator.execution.programs.port import NOTHING_BEFORE, Launch, OutputParser, RoundRequest, ToolServer

PROGRAM = InstalledProgram(name="opencode", install=INSTALL_LINES["opencode"])
LOGIN_FILE = ".local/share/opencode/auth.json"
LOGIN_HOSTS = tuple(
    f"{host}:443"
    for host in (
        *("opencode.ai", "api.anthropic.com", "console.anthropic.com", "api.openai.com", "auth.openai.com"),
        *("chatgpt.com", "generativelanguage.googleapis.com", "openrouter.ai", "api.githubcopilot.com"),
    )
)
PROVIDER_NAMES = {"anthropic": "anthropic", "openai": "openai", "gemini": "google"}
"""What opencode calls an API that we call so."""
URL_SUFFIXES = {"anthropic": "/v1", "openai": "", "gemini": "/v1beta"}
HIDDEN = (".opencode", "opencode.json", "opencode.jsonc")
"""A project's settings, and its plugins: with ours, plugins are on."""
ENVIRONMENT = {
    "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_SHARE": "1",
    "OPENCODE_DISABLE_EXTERNAL_SKILLS": "1",
}
PERMISSIONS: dict[str, Any] = {
    "*": "allow",
    "question": "deny",
    "plan_enter": "deny",
    "webfetch": "deny",
    "edit": {"*": "allow", ".git/**": "deny", "*/.git/**": "deny"},
}
ERROR_LOG_MARKS = ("level=ERROR ", "small=false", 'error.error="')
"""What stands in this order in a line of the log about the model's API; then what it said, up to the last quote."""


@dataclass(frozen=True, kw_only=True)
class OpenCode:
    """`opencode run`."""

    name: str = "opencode"
    installed: InstalledProgram = PROGRAM
    unread_rules: tuple[str, ...] = ("CLAUDE.md",)

    def missing(self) -> str | None:
        """What it lacks: the program, or a log-in."""
        if why := self.installed.missing():
            return why
        if with_keys(ANTHROPIC, OPENAI, GEMINI) or self.installed.logged_in(LOGIN_FILE):
            return None
        keys = "ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY"
        return f"opencode has no log-in: set {keys}, or run `opencode auth login` once"

    def version(self) -> str:
        """Its version."""
        return self.installed.version()

    def launch(self, brief: RoundRequest) -> Launch:
        """A round; with a session, it goes on with that one. `model` is `provider/model`. Raises OSError."""
        keys = with_keys(ANTHROPIC, OPENAI, GEMINI)
        lent = not keys and copy_login_file(brief.home, LOGIN_FILE)
        providers = {
            PROVIDER_NAMES[each.name]: {
                "options": {
                    "baseURL": f"{{env:{each.base}}}{URL_SUFFIXES[each.name]}",
                    "apiKey": f"{{env:{each.key}}}",
                    "headerTimeout": brief.silence_ms,
                    "chunkTimeout": brief.silence_ms,
                }
            }
            for each in keys
        }
        config: dict[str, Any] = {
            "autoupdate": False,
            "share": "disabled",
            "snapshot": False,
            "permission": PERMISSIONS,
            "provider": providers,
            "mcp": {each.name: _server_settings(each) for each in brief.servers},
        }
        if brief.hook:
            config["plugin"] = [write_plugin(brief.home, brief.unfailing_hook)]
        config["instructions"] = [str(brief.tree / "AGENTS.md")]  # a project's settings are off, and this with them
        words = (
            *("run", "--format", "json", "--print-logs", "--log-level", "ERROR"),
            *(() if brief.hook else ("--pure",)),
            *(("--session", brief.session) if brief.session else ()),
            *(("--model", brief.model) if brief.model else ()),
        )
        return Launch(
            argv=stdin_command(brief.home, brief.prompt, *self.installed.argv(), *words),
            environment={
                **ENVIRONMENT,
                "OPENCODE_CONFIG_CONTENT": json.dumps(config),
                "BUN_CONFIG_HTTP_IDLE_TIMEOUT": str(brief.silence_ms // 1000),
            },
            readable=self.installed.readable(),
            upstreams=keys,
            hosts=LOGIN_HOSTS if lent else (),
            hidden=HIDDEN,
            hooked=bool(brief.hook),
            of_bash=lambda line: line,
        )

    def reading(self, before: Mapping[str, Any] = NOTHING_BEFORE) -> OutputParser:
        """A fresh reading. Each step is counted by itself."""
        return OpenCodeOutputParser()


def _server_settings(server: ToolServer) -> dict[str, Any]:
    """A server of tools that it starts. Its permissions are those of all tools."""
    return {
        "type": "local",
        "command": list(server.command),
        "environment": dict(server.environment),
        "enabled": True,
        "timeout": server.milliseconds,
    }


class OpenCodeOutputParser(JsonEventParser):
    """Reads `--format json`, and of the log what it does not tell otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.usage = Usage(backend="opencode")

    def hear(self, found: dict[str, Any]) -> str:
        """Takes one event."""
        self.session = text_at(found, "sessionID") or self.session
        part = object_at(found, "part")
        match text_at(found, "type"):
            case "text":
                self.answer = text_at(part, "text")
                return self.answer
            case "tool_use":
                return self._tool(part)
            case "step_start":
                self.ended = False
            case "step_finish":
                self.ended = text_at(part, "reason") not in {"tool-calls", ""}
                self.error, self.trouble = "", None
                self.usage = _add_step_usage(self.usage, part)
            case "error":
                return self._failed(found)
        return ""

    def plain(self, line: str) -> str:
        """A line of the log: only the model's API is looked at, of which opencode tells nothing else meanwhile."""
        rest = line
        for word in ERROR_LOG_MARKS:
            found, rest = rest.partition(word)[1:]
            if not found:
                return ""
        said = error_line(rest.rpartition('"')[0])
        self.error, self.trouble = said, error_kind(said)
        return f"[{self.trouble}: {said}]"

    def _failed(self, found: dict[str, Any]) -> str:
        said = text_at(found, "error", "data", "message") or text_at(found, "error", "name") or "an error without words"
        self.ended = True
        self.error = error_line(said)
        self.trouble = error_kind(said, number_at(found, "error", "data", "statusCode"))
        return f"[{self.trouble}: {self.error}]"

    def _tool(self, part: dict[str, Any]) -> str:
        given = object_at(part, "state", "input")
        what = next(
            (text_at(given, key) for key in ("command", "filePath", "pattern", "path") if text_at(given, key)), ""
        )
        shown = error_line(f"{text_at(part, 'tool')} {what}".strip())[:200]
        refused = text_at(part, "state", "error")
        if "specified a rule" in refused or "rejected permission" in refused:
            self.deny(shown)
        elif command := text_at(given, "command"):
            code = value_at(part, "state", "metadata", "exit")
            self.act(command, ok=code == 0 if isinstance(code, int) else None)
        elif text_at(part, "tool") in CHANGING_TOOLS and (not refused or REFUSED_ONCE in refused):
            for path in _changed_files(given):
                self.act(path, ok=not refused, call=call_id(part, "callID"), hooked=True)
        return f"[{shown}{': refused' if refused else ''}]"


def _changed_files(given: dict[str, Any]) -> tuple[str, ...]:
    """The files that a call names, or its patch."""
    path = text_at(given, "filePath")
    return (path,) if path else patched_files(text_at(given, "patchText"))


def _add_step_usage(before: Usage, part: dict[str, Any]) -> Usage:
    cached, written = number_at(part, "tokens", "cache", "read"), number_at(part, "tokens", "cache", "write")
    cost = usd_at(part, "cost")
    return replace(
        before,
        tokens_in=before.tokens_in + number_at(part, "tokens", "input") + cached + written,
        tokens_out=before.tokens_out + number_at(part, "tokens", "output") + number_at(part, "tokens", "reasoning"),
        tokens_cached=before.tokens_cached + cached,
        tokens_written=before.tokens_written + written,
        cost_usd=before.cost_usd if cost is None else (before.cost_usd or 0.0) + cost,
    )
