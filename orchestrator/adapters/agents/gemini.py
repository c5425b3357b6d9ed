"""How does Gemini CLI do a round of work?

Run against version 0.61.0 (`tests/agents`). The repository is not trusted: its settings, hooks, servers and `.env` are
not read then, nor is its GEMINI.md, which the prompt names instead. What the tools may do is a policy of ours in the
home folder. SIGTERM makes it exit with 0 and no result, and an API error gives odd exit codes: only `result` counts.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from orchestrator.core.ports.agent import Usage
from orchestrator.execution.programs.error_kinds import one_line, trouble_of
from orchestrator.execution.programs.home_files import fed, lend, put
from orchestrator.execution.programs.installed import Installed
from orchestrator.execution.programs.json_events import ANSWER, Hearing, count, table, text
from orchestrator.execution.programs.model_apis import GEMINI, with_keys
from orchestrator.execution.programs.port import Brief, Launch, Reading, Trouble

PROGRAM = Installed(name="gemini", install="npm install -g @google/gemini-cli")
TURNS = 200
LOGIN = ".gemini/oauth_creds.json"
ACCOUNTS = ".gemini/google_accounts.json"
HOSTS = ("cloudcode-pa.googleapis.com:443", "oauth2.googleapis.com:443", "www.googleapis.com:443")
QUIET = {
    "GEMINI_CLI_TRUST_WORKSPACE": "false",
    "GEMINI_CLI_NO_RELAUNCH": "true",
    "TERM": "xterm-256color",
    "COLORTERM": "truecolor",
}
POLICY = """\
[[rule]]
toolName = "*"
decision = "allow"
priority = 900
allowRedirection = true

[[rule]]
toolName = ["ask_user", "enter_plan_mode", "exit_plan_mode", "google_web_search", "web_fetch"]
decision = "deny"
priority = 950
"""
FIRST = "\n\nIf the project has a GEMINI.md or an AGENTS.md, read it before anything else.\n"
REFUSED = {"policy_violation", "permission_denied"}


@dataclass(frozen=True, kw_only=True)
class Gemini:
    """`gemini -p`. `turns` bounds a round."""

    turns: int = TURNS
    name: str = "gemini"
    installed: Installed = PROGRAM

    def missing(self) -> str | None:
        """What it lacks: the program, or a log-in."""
        if why := self.installed.missing():
            return why
        if with_keys(GEMINI) or self.installed.logged_in(LOGIN):
            return None
        return "gemini has no log-in: set GEMINI_API_KEY, or run `gemini` and log in once"

    def version(self) -> str:
        """Its version."""
        return self.installed.version()

    def launch(self, brief: Brief) -> Launch:
        """A round; with a session, it goes on with that one. Raises OSError."""
        keys = with_keys(GEMINI)
        lent = not keys and lend(brief.home, LOGIN)
        if lent:
            lend(brief.home, ACCOUNTS)
        put(
            brief.home,
            ".gemini/settings.json",
            json.dumps(self._settings("gemini-api-key" if keys else "oauth-personal")),
        )
        put(brief.home, ".gemini/policies/shiftbook.toml", POLICY)
        session = ("--resume", brief.session) if brief.session else ("--session-id", str(uuid.uuid4()))
        words = (*("-o", "stream-json"), *session, *(("-m", brief.model) if brief.model else ()))
        return Launch(
            argv=fed(brief.home, brief.prompt + FIRST, *self.installed.argv(), *words),
            environment=QUIET,
            readable=self.installed.readable(),
            upstreams=keys,
            hosts=HOSTS if lent else (),
        )

    def reading(self) -> Reading:
        """A fresh reading."""
        return GeminiReading()

    def _settings(self, login: str) -> dict[str, Any]:
        return {
            "security": {"auth": {"selectedType": login}, "folderTrust": {"enabled": False}},
            "model": {"maxSessionTurns": self.turns},
            "hooksConfig": {"enabled": False},
            "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
        }


class GeminiReading(Hearing):
    """Reads `-o stream-json`."""

    def __init__(self) -> None:
        super().__init__()
        self._called: dict[str, str] = {}

    def hear(self, found: dict[str, Any]) -> str:
        """Takes one event."""
        match text(found, "type"):
            case "init":
                self.session = text(found, "session_id")
            case "message" if text(found, "role") == "assistant":
                self.answer += text(found, "content") if len(self.answer) < ANSWER else ""
                return text(found, "content")
            case "tool_use":
                shown = f"{text(found, 'tool_name')} {_what(table(found, 'parameters'))}".strip()
                self._called[text(found, "tool_id")], self.answer = shown, ""
                return f"[{shown}]"
            case "tool_result":
                return self._result_of_tool(found)
            case "result":
                return self._result(found)
        return ""

    def plain(self, line: str) -> str:
        """Not shown: stack traces of calls that it tries again."""
        return ""

    def _result_of_tool(self, found: dict[str, Any]) -> str:
        if text(found, "status") != "error":
            return ""
        why, what = text(found, "error", "message"), self._called.get(text(found, "tool_id"), "a tool")
        if text(found, "error", "type") in REFUSED or "denied by policy" in why or "Path not in workspace" in why:
            self.deny(what)
        return f"[refused or failed: {one_line(why)[:200]}]"

    def _result(self, found: dict[str, Any]) -> str:
        self.ended = True
        self.usage = _usage(table(found, "stats"))
        if text(found, "status") == "success":
            return ""
        said = text(found, "error", "message") or text(found, "status") or "an error without words"
        self.error = one_line(said)
        limited = "TurnLimited" in text(found, "error", "type") or "max session turns" in said
        self.trouble = Trouble.TURNS if limited else trouble_of(said)
        return f"[{self.trouble}: {self.error}]"


def _usage(stats: dict[str, Any]) -> Usage:
    """Over all models, the one that wrote most gives the name."""
    models = {name: each for name, each in table(stats, "models").items() if isinstance(each, dict)}
    return Usage(
        model=max(models, key=lambda name: (count(models[name], "output_tokens"), name)) if models else "",
        backend="gemini",
        tokens_in=count(stats, "input_tokens"),
        tokens_out=count(stats, "output_tokens"),
        tokens_cached=count(stats, "cached"),
    )


def _what(given: dict[str, Any]) -> str:
    said = next((text(given, key) for key in ("command", "file_path", "pattern", "path") if text(given, key)), "")
    return one_line(said)[:200]
