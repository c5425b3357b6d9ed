"""How does Codex do a round of work?

Run against versions 0.171.0 and 0.169.0 (`tests/agents`). A thread's usage is counted from its first round on, so what
was spent before is taken off. Its own sandbox is off: it cannot be made inside of ours (no user namespace in a user
namespace), and ours is the stricter one. It has no turn limit and knows no prices. A login shell would give its
commands the PATH of /etc/profile instead of the one that the run has.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handoff.warnings.action_warnings import MAX_ACTION_CHARS
from orchestrator.core.ports.model import Usage
from orchestrator.core.quota_window import QuotaWindow, kind_of_minutes, read_window
from orchestrator.execution.programs.error_kinds import error_kind, error_line
from orchestrator.execution.programs.home_files import (
    PROMPT_FILE,
    copy_login_file,
    remove_home_file,
    write_home_file,
)
from orchestrator.execution.programs.install_lines import INSTALL_LINES
from orchestrator.execution.programs.installed import InstalledProgram
from orchestrator.execution.programs.json_events import (
    JsonEventParser,
    number_at,
    object_at,
    objects_at,
    text_at,
    usd_at,
)
from orchestrator.execution.programs.model_apis import OPENAI, with_keys
from orchestrator.execution.programs.port import NOTHING_BEFORE, Launch, OutputParser, RoundRequest, ToolServer
from orchestrator.execution.programs.session_records import session_records

PROGRAM = InstalledProgram(name="codex", install=INSTALL_LINES["codex"])
LOGIN_FILE = ".codex/auth.json"
SETTINGS_FILES = (".codex/config.toml", ".codex/hooks.json", ".codex/hooks")
"""Where it reads settings and hooks of its home, which in a later round are what the project's code left there."""
LOGIN_HOSTS = ("chatgpt.com:443", "auth.openai.com:443", "api.openai.com:443")
START_SCRIPT = 'exec "$@" <"$0"'
START_WITH_KEY_SCRIPT = 'exec "$@" -c "model_providers.shiftbook.base_url=$OPENAI_BASE_URL" <"$0"'
PROVIDER = {
    "name": '"OpenAI"',
    "env_key": '"OPENAI_API_KEY"',
    "wire_api": '"responses"',
    "supports_websockets": "false",
    "request_max_retries": "2",
    "stream_max_retries": "2",
}
SETTINGS = (
    'sandbox_mode="danger-full-access"',
    'approval_policy="never"',
    "analytics.enabled=false",
    "check_for_update_on_startup=false",
    'web_search="disabled"',
    "allow_login_shell=false",
)
HOOKED_TOOLS = "Bash|apply_patch"
"""What it calls its tools that run or change something, to its hooks."""
HOOK_SECONDS = 10
SERVER_START_SECONDS = 60
"""For so long may a server of tools take to begin."""
MAX_CHANGED_FILES = 100
"""Files of one change that are told of."""
SHELLS = frozenset({"bash", "sh", "zsh"})
THREAD_FILE = ".codex/sessions/*/*/*/rollout-*-{}.jsonl"


@dataclass(frozen=True, kw_only=True)
class Codex:
    """`codex exec`."""

    name: str = "codex"
    installed: InstalledProgram = PROGRAM
    unread_rules: tuple[str, ...] = ("CLAUDE.md",)

    def missing(self) -> str | None:
        """What it lacks: the program, or a log-in."""
        if why := self.installed.missing():
            return why
        if with_keys(OPENAI) or self.installed.logged_in(LOGIN_FILE):
            return None
        return "codex has no log-in: set OPENAI_API_KEY, or run `codex login` once"

    def version(self) -> str:
        """Its version."""
        return self.installed.version()

    def launch(self, brief: RoundRequest) -> Launch:
        """A round; with a session, it goes on with that thread. Raises OSError."""
        for each in SETTINGS_FILES:
            remove_home_file(brief.home, each)  # its own hooks are trusted unseen, and so would these be
        keys = with_keys(OPENAI)
        lent = not keys and copy_login_file(brief.home, LOGIN_FILE)
        settings = [
            *SETTINGS,
            *(_provider_settings(brief.silence_ms) if keys else ()),
            *_hook_settings(brief.unfailing_hook),
        ]
        settings += [line for each in brief.servers for line in _server_settings(each)]
        words = (
            *("exec", *(("resume",) if brief.session else ()), "--json", "--skip-git-repo-check", "--ignore-rules"),
            *(("--dangerously-bypass-hook-trust",) if brief.hook else ()),
            *(word for each in settings for word in ("-c", each)),
            *(("-m", brief.model) if brief.model else ()),
            *((brief.session,) if brief.session else ()),
            "-",
        )
        prompt = str(write_home_file(brief.home, PROMPT_FILE, brief.prompt))
        return Launch(
            argv=(
                "/bin/sh",
                "-c",
                START_WITH_KEY_SCRIPT if keys else START_SCRIPT,
                prompt,
                *self.installed.argv(),
                *words,
            ),
            readable=self.installed.readable(),
            upstreams=keys,
            hosts=LOGIN_HOSTS if lent else (),
            taken_before=thread_usage(brief.home, brief.session),
            hooked=bool(brief.hook),
            windows_after=lambda session: thread_windows(brief.home, session, datetime.now(UTC)),
        )

    def reading(self, before: Mapping[str, Any] = NOTHING_BEFORE) -> OutputParser:
        """A fresh reading; `before` is what the thread had taken."""
        return CodexOutputParser(before)


def _provider_settings(silence_ms: int) -> Iterator[str]:
    """Another provider than its own, because that one speaks through a web socket first and to one host only."""
    yield 'model_provider="shiftbook"'
    yield f"model_providers.shiftbook.stream_idle_timeout_ms={silence_ms}"
    for name, value in PROVIDER.items():
        yield f"model_providers.shiftbook.{name}={value}"


def _hook_settings(command: str) -> Iterator[str]:
    """What has it run a command before each of its calls. A hook that is not trusted it skips without a word."""
    if command:
        hook = f'{{type="command",command={json.dumps(command)},timeout={HOOK_SECONDS}}}'
        yield f'hooks.PreToolUse=[{{matcher="{HOOKED_TOOLS}",hooks=[{hook}]}}]'


def _server_settings(server: ToolServer) -> Iterator[str]:
    """A server of tools that it starts, and waits for: of one that is not `required` it waits about a second, and then
    works without it, without a word. With approvals off its calls are asked of nobody."""
    at = f"mcp_servers.{server.name}"
    yield f"{at}.command={_toml(server.command[0])}"
    yield f"{at}.args=[{','.join(map(_toml, server.command[1:]))}]"
    yield f"{at}.required=true"
    yield f"{at}.startup_timeout_sec={SERVER_START_SECONDS}"
    yield f"{at}.tool_timeout_sec={server.seconds:.0f}"
    if server.tools:
        yield f"{at}.enabled_tools=[{','.join(map(_toml, server.tools))}]"
    for name, value in server.environment.items():
        yield f"{at}.env.{name}={_toml(value)}"


def _toml(text: str) -> str:
    """A text as TOML has it: JSON's escapes are its own, but for half characters."""
    return json.dumps(text, ensure_ascii=False)


def thread_usage(home: Path, session: str) -> dict[str, Any]:
    """What a thread has taken so far, from the file that codex keeps of it; empty for a new one."""
    found: dict[str, Any] = {}
    for record in session_records(home, THREAD_FILE, session, "total_token_usage"):
        found = object_at(record, "payload", "info", "total_token_usage") or found
    return found


def thread_windows(home: Path, session: str, now: datetime) -> tuple[QuotaWindow, ...]:
    """What codex wrote down last of the windows of its log-in's account; its events tell nothing of them."""
    found: dict[str, QuotaWindow | None] = {}
    for record in session_records(home, THREAD_FILE, session, "rate_limits"):
        for which in ("primary", "secondary"):
            if told := object_at(record, "payload", "rate_limits", which):
                found[which] = _window(which, told, now)
    return tuple(each for each in found.values() if each is not None)


def _window(which: str, told: dict[str, Any], now: datetime) -> QuotaWindow | None:
    used, minutes = usd_at(told, "used_percent"), number_at(told, "window_minutes")
    kind = kind_of_minutes(minutes) if minutes else which
    spent = used is not None and used >= 100
    return read_window(kind, number_at(told, "resets_at"), now, used_percent=used, exhausted=spent)


class CodexOutputParser(JsonEventParser):
    """Reads `--json`."""

    def __init__(self, before: Mapping[str, Any] = NOTHING_BEFORE) -> None:
        super().__init__()
        self._before = before

    def hear(self, found: dict[str, Any]) -> str:
        """Takes one event."""
        match text_at(found, "type"):
            case "thread.started":
                self.session = text_at(found, "thread_id")
            case "turn.completed":
                self.ended, self.error, self.trouble = True, "", None
                self.usage = _usage_since(object_at(found, "usage"), self._before)
            case "turn.failed":
                self.ended = True
                return self._failed(text_at(found, "error", "message"))
            case "error":
                return self._failed(text_at(found, "message"))
            case "item.started" | "item.completed":
                return self._item(object_at(found, "item"), done=text_at(found, "type") == "item.completed")
        return ""

    def _failed(self, said: str) -> str:
        """An error; one that it got over is forgotten when the turn is completed."""
        self.error = error_line(said)
        self.trouble = error_kind(said)
        return f"[{self.trouble}: {self.error}]"

    def _item(self, item: dict[str, Any], *, done: bool) -> str:
        match text_at(item, "type"):
            case "agent_message" if done:
                self.answer = text_at(item, "text")
                return self.answer
            case "command_execution" if not done:
                return f"[{error_line(text_at(item, 'command'))}]"
            case "command_execution" | "file_change" if text_at(item, "status") == "declined":
                self.deny(error_line(text_at(item, "command")) or "a change of files")
            case "command_execution" if done:
                self.act(_plain_command(text_at(item, "command")), ok=_went_well(item) and _exited_well(item))
            case "file_change" if done:
                paths = [text_at(each, "path")[:MAX_ACTION_CHARS] for each in objects_at(item, "changes")]
                for path in paths[:MAX_CHANGED_FILES]:
                    self.act(path, ok=_went_well(item))
                return f"[{text_at(item, 'status')}: {', '.join(paths)}]"
        return ""


def _went_well(item: dict[str, Any]) -> bool:
    return text_at(item, "status") == "completed"


def _exited_well(item: dict[str, Any]) -> bool:
    """Whether it says so itself: there is no code where the command never began, or was killed."""
    code = item.get("exit_code")
    return isinstance(code, int) and not isinstance(code, bool) and code == 0


def _plain_command(command: str) -> str:
    """The line that its model wrote, without the shell that it is given to."""
    if len(command) > 2 * MAX_ACTION_CHARS:
        return command
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    shell = len(words) == 3 and words[0].rpartition("/")[2] in SHELLS and words[1] in {"-c", "-lc"}
    return words[2] if shell else command


def _usage_since(now: dict[str, Any], before: Mapping[str, Any]) -> Usage:
    def more(name: str) -> int:
        return max(0, number_at(now, name) - number_at(before, name))

    return Usage(
        backend="codex",
        tokens_in=more("input_tokens"),
        tokens_out=more("output_tokens"),
        tokens_cached=more("cached_input_tokens"),
        tokens_written=more("cache_write_input_tokens"),
    )
