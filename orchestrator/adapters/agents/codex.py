"""How does Codex do a round of work?

Run against versions 0.171.0 and 0.169.0 (`tests/agents`). A thread's usage is counted from its first round on, so what
was spent before is taken off. Its own sandbox is off: it cannot be made inside of ours (no user namespace in a user
namespace), and ours is the stricter one. It has no turn limit and knows no prices. A login shell would give its
commands the PATH of /etc/profile instead of the one that the run has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.core.ports.model import Usage
from orchestrator.core.quota_window import QuotaWindow, kind_of_minutes, read_window
from orchestrator.execution.programs.error_kinds import error_kind, error_line
from orchestrator.execution.programs.home_files import PROMPT_FILE, copy_login_file, write_home_file
from orchestrator.execution.programs.install_lines import INSTALL_LINES
from orchestrator.execution.programs.installed import InstalledProgram
from orchestrator.execution.programs.json_events import JsonEventParser, number_at, object_at, text_at, usd_at
from orchestrator.execution.programs.model_apis import OPENAI, with_keys
from orchestrator.execution.programs.port import NOTHING_BEFORE, Launch, OutputParser, RoundRequest
from orchestrator.execution.programs.session_records import session_records

PROGRAM = InstalledProgram(name="codex", install=INSTALL_LINES["codex"])
LOGIN_FILE = ".codex/auth.json"
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
        keys = with_keys(OPENAI)
        lent = not keys and copy_login_file(brief.home, LOGIN_FILE)
        settings = [*SETTINGS, *(_provider_settings(brief.silence_ms) if keys else ())]
        words = (
            *("exec", *(("resume",) if brief.session else ()), "--json", "--skip-git-repo-check", "--ignore-rules"),
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
            case "file_change" if done:
                paths = [text_at(each, "path") for each in item.get("changes") or () if isinstance(each, dict)]
                return f"[{text_at(item, 'status')}: {', '.join(paths)}]"
        return ""


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
