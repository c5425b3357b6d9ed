"""How does Gemini CLI do a round of work?

Run against version 0.61.0 (`tests/agents`). The repository is not trusted: its settings, hooks, servers and `.env` are
not read then, nor is its GEMINI.md, which the prompt has instead. What the tools may do is a policy of ours in the
home folder. Of hooks it runs there only those of an extension in its home: ours asks at changes of files, and bash asks
at commands. SIGTERM makes it exit with 0 and no result, and an API error gives odd exit codes: only `result` counts.
"""

from __future__ import annotations

import json
import re
import shlex
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handoff.warnings.action_warnings import MAX_ACTION_CHARS
from orchestrator.core.ports.model import Usage
from orchestrator.execution.hooks.bash_lines import exit_code_in
from orchestrator.execution.programs.error_kinds import error_kind, error_line
from orchestrator.execution.programs.home_files import copy_login_file, stdin_command, write_home_file
from orchestrator.execution.programs.install_lines import INSTALL_LINES
from orchestrator.execution.programs.installed import InstalledProgram
from orchestrator.execution.programs.json_events import (
    MAX_ANSWER_CHARS,
    MAX_OPEN_CALLS,
    MAX_SHOWN_CHARS,
    JsonEventParser,
    call_id,
    main_argument,
    number_at,
    object_at,
    text_at,
)
from orchestrator.execution.programs.model_apis import GEMINI, with_keys
from orchestrator.execution.programs.port import NOTHING_BEFORE, ErrorKind, Launch, OutputParser, RoundRequest

PROGRAM = InstalledProgram(name="gemini", install=INSTALL_LINES["gemini"])
MAX_TURNS = 200
MAX_ATTEMPTS = 3
"""How often it asks an API that fails, as `claude` and `codex` do; ten times would be five minutes."""
LOGIN_FILE = ".gemini/oauth_creds.json"
ACCOUNTS_FILE = ".gemini/google_accounts.json"
LOGIN_HOSTS = ("cloudcode-pa.googleapis.com:443", "oauth2.googleapis.com:443", "www.googleapis.com:443")
ENVIRONMENT = {
    "GEMINI_CLI_TRUST_WORKSPACE": "false",
    "GEMINI_CLI_NO_RELAUNCH": "true",
    "TERM": "xterm-256color",
    "COLORTERM": "truecolor",
}
POLICY_TOML = """\
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
EXTENSION = "shiftbook"
"""What its extension is called that asks the node; the only one that is loaded."""
EXTENSION_FOLDER = f".gemini/extensions/{EXTENSION}"
CHANGING_TOOLS = frozenset({"replace", "write_file"})
HOOK_MS = 10_000
EXPERIMENTS_FILE = ".gemini/shiftbook-experiments.json"
REQUEST_TIMEOUT_FLAG = 45773134
"""Its number for the time, in seconds, that it waits for an answer's head: 60 s otherwise."""
SHELL_TOOL = "run_shell_command"
_WRAPPED = re.compile(
    r"(?:shopt -u [a-z ]+; )?_bgpids_file=[^\n]*\n\(\n {2}trap '[^'\n]*' EXIT\n"
    r"(?P<line>.*)\n\)\n__code=\$\?\nexit \$__code",
    re.DOTALL,
)
"""What it has bash run, around the command line of its model."""
_SHELL_WORDS = re.compile(r"\s*(?:\S+/)?(?:sh|bash|zsh)\s+-c\s+", re.IGNORECASE)
"""A shell that it takes off a command line: it is given to bash anyway."""
REFUSED_TYPES = {"policy_violation", "permission_denied"}


@dataclass(frozen=True, kw_only=True)
class Gemini:
    """`gemini -p`. `turns` bounds a round."""

    turns: int = MAX_TURNS
    name: str = "gemini"
    installed: InstalledProgram = PROGRAM
    unread_rules: tuple[str, ...] = ("AGENTS.md", "CLAUDE.md", "GEMINI.md")

    def missing(self) -> str | None:
        """What it lacks: the program, or a log-in."""
        if why := self.installed.missing():
            return why
        if with_keys(GEMINI) or self.installed.logged_in(LOGIN_FILE):
            return None
        return "gemini has no log-in: set GEMINI_API_KEY, or run `gemini` and log in once"

    def version(self) -> str:
        """Its version."""
        return self.installed.version()

    def launch(self, brief: RoundRequest) -> Launch:
        """A round; with a session, it goes on with that one. Raises OSError."""
        keys = with_keys(GEMINI)
        lent = not keys and copy_login_file(brief.home, LOGIN_FILE)
        if lent:
            copy_login_file(brief.home, ACCOUNTS_FILE)
        write_home_file(
            brief.home,
            ".gemini/settings.json",
            json.dumps(self._settings("gemini-api-key" if keys else "oauth-personal", hooks=bool(brief.hook))),
        )
        if brief.hook:
            _write_extension(brief.home, brief.unfailing_hook)
        write_home_file(brief.home, ".gemini/policies/shiftbook.toml", POLICY_TOML)
        session = ("--resume", brief.session) if brief.session else ("--session-id", str(uuid.uuid4()))
        words = (
            *("-o", "stream-json", "--extensions", EXTENSION if brief.hook else "none"),
            *session,
            *(("-m", brief.model) if brief.model else ()),
        )
        return Launch(
            argv=stdin_command(brief.home, brief.prompt, *self.installed.argv(), *words),
            environment=ENVIRONMENT | (_silence_settings(brief) if keys else {}),
            readable=self.installed.readable(),
            upstreams=keys,
            hosts=LOGIN_HOSTS if lent else (),
            hooked=bool(brief.hook),
            of_bash=_line_of_bash,
            codes_untold=True,
        )

    def reading(self, before: Mapping[str, Any] = NOTHING_BEFORE) -> OutputParser:
        """A fresh reading. Each round's `result` counts that round alone."""
        return GeminiOutputParser()

    def _settings(self, login: str, *, hooks: bool) -> dict[str, Any]:
        return {
            "security": {"auth": {"selectedType": login}, "folderTrust": {"enabled": False}},
            "model": {"maxSessionTurns": self.turns},
            "hooksConfig": {"enabled": hooks},
            "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False, "maxAttempts": MAX_ATTEMPTS},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
        }


def _write_extension(home: Path, command: str) -> None:
    """What has it run a command before a change of a file and after it: only then its model is told. Raises OSError."""
    told = json.dumps({"name": EXTENSION, "version": "1.0.0"})
    write_home_file(home, f"{EXTENSION_FOLDER}/gemini-extension.json", told)
    hook = {"type": "command", "command": command, "timeout": HOOK_MS}
    matched = [{"matcher": "|".join(sorted(CHANGING_TOOLS)), "hooks": [hook]}]
    told = json.dumps({"hooks": dict.fromkeys(("BeforeTool", "AfterTool"), matched)})
    write_home_file(home, f"{EXTENSION_FOLDER}/hooks/hooks.json", told)


def _silence_settings(brief: RoundRequest) -> dict[str, str]:
    """It would drop an answer whose head comes late. With a person's log-in its maker says how long it waits."""
    flag = {"flagId": REQUEST_TIMEOUT_FLAG, "intValue": str(brief.silence_ms // 1000)}
    told = json.dumps({"flags": [flag], "experimentIds": []})
    return {"GEMINI_EXP": str(write_home_file(brief.home, EXPERIMENTS_FILE, told))}


def _line_of_bash(said: str) -> str:
    """A command line as its model wrote it, "" of what it runs for itself."""
    found = _WRAPPED.fullmatch(said)
    return found["line"] if found else ""


def _plain_command(said: str) -> str:
    """A command line as it has bash run it."""
    shell = _SHELL_WORDS.match(said)
    line = said[shell.end() :].strip() if shell else said
    if not shell or len(line) < 2 or line[0] not in "'\"" or line[0] != line[-1]:
        return line
    try:
        words = shlex.split(line) if line[0] == '"' and len(line) <= MAX_ACTION_CHARS else []
    except ValueError:
        words = []
    return words[0] if len(words) == 1 else line[1:-1]


class GeminiOutputParser(JsonEventParser):
    """Reads `-o stream-json`."""

    def __init__(self) -> None:
        super().__init__()
        self._called: dict[str, str] = {}
        self._commands: dict[str, str] = {}
        """The command lines of those that have no result yet."""
        self._changed: dict[str, str] = {}
        """The files that those change that have no result yet."""

    def hear(self, found: dict[str, Any]) -> str:
        """Takes one event."""
        match text_at(found, "type"):
            case "init":
                self.session = text_at(found, "session_id")
            case "message" if text_at(found, "role") == "assistant":
                self.answer += text_at(found, "content") if len(self.answer) < MAX_ANSWER_CHARS else ""
                return text_at(found, "content")
            case "tool_use":
                tool = text_at(found, "tool_name")[:MAX_SHOWN_CHARS]
                shown = f"{tool} {main_argument(object_at(found, 'parameters'))}".strip()
                self._called[call_id(found, "tool_id")], self.answer = shown, ""
                while len(self._called) > MAX_OPEN_CALLS:
                    first = next(iter(self._called))
                    for calls in (self._called, self._commands, self._changed):
                        calls.pop(first, None)
                if tool == SHELL_TOOL:
                    command = _plain_command(text_at(found, "parameters", "command"))
                    self._commands[call_id(found, "tool_id")] = command[:MAX_ACTION_CHARS]
                elif tool in CHANGING_TOOLS:
                    path = text_at(found, "parameters", "file_path")
                    self._changed[call_id(found, "tool_id")] = path[:MAX_ACTION_CHARS]
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
        command = self._commands.pop(call_id(found, "tool_id"), "")
        changed = self._changed.pop(call_id(found, "tool_id"), "")
        if text_at(found, "status") != "error":
            self.act(changed, ok=True, hooked=True)
            code = exit_code_in(text_at(found, "output"))
            self.act(command, ok=None if code is None else code == 0)
            return ""
        why, what = text_at(found, "error", "message"), self._called.pop(call_id(found, "tool_id"), "a tool")
        if (
            text_at(found, "error", "type") in REFUSED_TYPES
            or "denied by policy" in why
            or "Path not in workspace" in why
        ):
            self.deny(what)
        else:
            self.act(command, ok=None)
        return f"[refused or failed: {error_line(why)[:200]}]"

    def _result(self, found: dict[str, Any]) -> str:
        self.ended = True
        self.usage = _usage(object_at(found, "stats"))
        if text_at(found, "status") == "success":
            return ""
        said = text_at(found, "error", "message") or text_at(found, "status") or "an error without words"
        self.error = error_line(said)
        limited = "TurnLimited" in text_at(found, "error", "type") or "max session turns" in said
        self.trouble = ErrorKind.TURNS if limited else error_kind(said)
        return f"[{self.trouble}: {self.error}]"


def _usage(stats: dict[str, Any]) -> Usage:
    """Over all models, the one that wrote most gives the name."""
    models = {name: each for name, each in object_at(stats, "models").items() if isinstance(each, dict)}
    return Usage(
        model=max(models, key=lambda name: (number_at(models[name], "output_tokens"), name)) if models else "",
        backend="gemini",
        tokens_in=number_at(stats, "input_tokens"),
        tokens_out=number_at(stats, "output_tokens"),
        tokens_cached=number_at(stats, "cached"),
    )
