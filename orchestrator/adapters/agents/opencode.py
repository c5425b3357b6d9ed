"""How does opencode do a round of work?

Run against version 1.18.33 (`tests/agents`). Costs are told for each step and summed here. A refused permission exits
with 0, and a model API that says "too many requests" is asked again for ever: after `TRIES` such answers the round is
taken as over. `.opencode` of a repository is hidden from it: it runs the plugins there whatever it is told.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.core.ports.agent import Usage
from orchestrator.execution.programs.error_kinds import one_line, trouble_of
from orchestrator.execution.programs.home_files import fed, lend
from orchestrator.execution.programs.installed import Installed
from orchestrator.execution.programs.json_events import Hearing, count, dollars, table, text
from orchestrator.execution.programs.model_apis import ANTHROPIC, GEMINI, OPENAI, with_keys
from orchestrator.execution.programs.port import Brief, Launch, Reading

PROGRAM = Installed(name="opencode", install="npm install -g opencode-ai")
LOGIN = ".local/share/opencode/auth.json"
HOSTS = tuple(
    f"{host}:443"
    for host in (
        *("opencode.ai", "api.anthropic.com", "console.anthropic.com", "api.openai.com", "auth.openai.com"),
        *("chatgpt.com", "generativelanguage.googleapis.com", "openrouter.ai", "api.githubcopilot.com"),
    )
)
PROVIDERS = {"anthropic": "anthropic", "openai": "openai", "gemini": "google"}
"""What opencode calls an API that we call so."""
SUFFIX = {"anthropic": "/v1", "openai": "", "gemini": "/v1beta"}
HIDDEN = (".opencode",)
QUIET = {
    "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_SHARE": "1",
    "OPENCODE_DISABLE_EXTERNAL_SKILLS": "1",
}
PERMISSION: dict[str, Any] = {
    "*": "allow",
    "question": "deny",
    "plan_enter": "deny",
    "webfetch": "deny",
    "edit": {"*": "allow", ".git/**": "deny", "*/.git/**": "deny"},
}
LOGGED = ("level=ERROR ", "small=false", 'error.error="')
"""What stands in this order in a line of the log about the model's API; then what it said, up to the last quote."""
TRIES = 3


@dataclass(frozen=True, kw_only=True)
class OpenCode:
    """`opencode run`."""

    name: str = "opencode"
    installed: Installed = PROGRAM

    def missing(self) -> str | None:
        """What it lacks: the program, or a log-in."""
        if why := self.installed.missing():
            return why
        if with_keys(ANTHROPIC, OPENAI, GEMINI) or self.installed.logged_in(LOGIN):
            return None
        keys = "ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY"
        return f"opencode has no log-in: set {keys}, or run `opencode auth login` once"

    def version(self) -> str:
        """Its version."""
        return self.installed.version()

    def launch(self, brief: Brief) -> Launch:
        """A round; with a session, it goes on with that one. `model` is `provider/model`. Raises OSError."""
        keys = with_keys(ANTHROPIC, OPENAI, GEMINI)
        lent = not keys and lend(brief.home, LOGIN)
        providers = {
            PROVIDERS[each.name]: {
                "options": {
                    "baseURL": f"{{env:{each.base}}}{SUFFIX[each.name]}",
                    "apiKey": f"{{env:{each.key}}}",
                }
            }
            for each in keys
        }
        config: dict[str, Any] = {
            "autoupdate": False,
            "share": "disabled",
            "snapshot": False,
            "permission": PERMISSION,
            "provider": providers,
        }
        config["instructions"] = [str(brief.tree / "AGENTS.md")]  # a project's settings are off, and this with them
        words = (
            *("run", "--format", "json", "--pure", "--print-logs", "--log-level", "ERROR"),
            *(("--session", brief.session) if brief.session else ()),
            *(("--model", brief.model) if brief.model else ()),
        )
        return Launch(
            argv=fed(brief.home, brief.prompt, *self.installed.argv(), *words),
            environment=QUIET | {"OPENCODE_CONFIG_CONTENT": json.dumps(config)},
            readable=self.installed.readable(),
            upstreams=keys,
            hosts=HOSTS if lent else (),
            hidden=HIDDEN,
        )

    def reading(self) -> Reading:
        """A fresh reading."""
        return OpenCodeReading()


class OpenCodeReading(Hearing):
    """Reads `--format json`, and of the log what it does not tell otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self._tries = 0
        self.usage = Usage(backend="opencode")

    def hear(self, found: dict[str, Any]) -> str:
        """Takes one event."""
        self.session = text(found, "sessionID") or self.session
        part = table(found, "part")
        match text(found, "type"):
            case "text":
                self.answer = text(part, "text")
                return self.answer
            case "tool_use":
                return self._tool(part)
            case "step_start":
                self._tries, self.ended = 0, False
            case "step_finish":
                self.ended = text(part, "reason") not in {"tool-calls", ""}
                self.error, self.trouble = "", None
                self.usage = _added(self.usage, part)
            case "error":
                return self._failed(found)
        return ""

    def plain(self, line: str) -> str:
        """A line of the log: only the model's API is looked at, and only while opencode tries again and again."""
        rest = line
        for word in LOGGED:
            found, rest = rest.partition(word)[1:]
            if not found:
                return ""
        said = one_line(rest.rpartition('"')[0])
        self._tries += 1
        self.error, self.trouble = said, trouble_of(said)
        self.ended = self.ended or self._tries >= TRIES
        return f"[{self.trouble}: {said}]"

    def _failed(self, found: dict[str, Any]) -> str:
        said = text(found, "error", "data", "message") or text(found, "error", "name") or "an error without words"
        self.ended = True
        self.error = one_line(said)
        self.trouble = trouble_of(said, count(found, "error", "data", "statusCode"))
        return f"[{self.trouble}: {self.error}]"

    def _tool(self, part: dict[str, Any]) -> str:
        given = table(part, "state", "input")
        what = next((text(given, key) for key in ("command", "filePath", "pattern", "path") if text(given, key)), "")
        shown = one_line(f"{text(part, 'tool')} {what}".strip())[:200]
        refused = text(part, "state", "error")
        if "specified a rule" in refused or "rejected permission" in refused:
            self.deny(shown)
        return f"[{shown}{': refused' if refused else ''}]"


def _added(before: Usage, part: dict[str, Any]) -> Usage:
    cached, written = count(part, "tokens", "cache", "read"), count(part, "tokens", "cache", "write")
    cost = dollars(part, "cost")
    return replace(
        before,
        tokens_in=before.tokens_in + count(part, "tokens", "input") + cached + written,
        tokens_out=before.tokens_out + count(part, "tokens", "output") + count(part, "tokens", "reasoning"),
        tokens_cached=before.tokens_cached + cached,
        tokens_written=before.tokens_written + written,
        cost_usd=before.cost_usd if cost is None else (before.cost_usd or 0.0) + cost,
    )
