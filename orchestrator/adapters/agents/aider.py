"""How does aider do a round of work?

Run against version 0.86.2 (`tests/agents`). It writes text, and exits with 0 when its model's API has failed: what it
says of tokens is its last event, and what litellm says is an error. Settings of the repository are hidden from it and
overridden besides: `.env` there could name another API, `.aider.conf.yml` commands that it runs. It has no turn limit
and no budget of its own, asks for no permission, and keeps its conversation in a file of the home folder. It knows no
hooks, but a linter that it runs on each file that it has changed: what that says goes to its model. Ours asks the node.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from handoff.warnings.action_warnings import MAX_ACTION_CHARS
from orchestrator.core.ports.action_warner import WARNING_FRAME
from orchestrator.core.ports.model import Usage
from orchestrator.execution.hooks.hook_client import SAID_OF_FILE
from orchestrator.execution.programs.error_kinds import error_kind, error_line
from orchestrator.execution.programs.home_files import PROMPT_FILE, write_home_file
from orchestrator.execution.programs.install_lines import INSTALL_LINES
from orchestrator.execution.programs.installed import InstalledProgram
from orchestrator.execution.programs.json_events import MAX_ACTIONS, MAX_NUMBER
from orchestrator.execution.programs.model_apis import ANTHROPIC, GEMINI, OPENAI, with_keys
from orchestrator.execution.programs.port import (
    NOTHING_BEFORE,
    EndedAction,
    ErrorKind,
    Launch,
    OutputParser,
    ParsedOutput,
    RoundRequest,
)

PROGRAM = InstalledProgram(name="aider", install=INSTALL_LINES["aider"])
START_SCRIPT = (
    'if own=$(git rev-parse --absolute-git-dir 2>/dev/null); then mkdir -p "$HOME/.aider-git/objects"; '
    'cp "$own/index" "$HOME/.aider-git/index"; export GIT_INDEX_FILE="$HOME/.aider-git/index" '
    'GIT_OBJECT_DIRECTORY="$HOME/.aider-git/objects" GIT_ALTERNATE_OBJECT_DIRECTORIES="$own/objects"; fi; '
    'exec "$@" <"$0"'
)
"""It gives up a new file that it cannot add to git's index. The repository is read-only, so it gets an index of its own
in its home.
"""
LINT_FILE = ".shiftbook/changed-file"
LINT_SCRIPT = 'said=$({hook} "$1" 2>/dev/null)\n[ $? -eq {said} ] || exit 0\nprintf "%s\\n" "$said"\nexit 1\n'
"""What its linter is. A hook that cannot start says nothing."""
HISTORY_FILE = ".aider-chat"
SESSION = "chat"
GITCONFIG = "[user]\n\tname = aider\n\temail = aider@localhost\n"
"""Without a name of its own it would write one into the repository's settings, which are not its to write."""
LEFTOVER_PATTERNS = (".aider*",)
HIDDEN = (".aider.conf.yml", ".env", ".aider.model.settings.yml", ".aider.model.metadata.json")
FLAGS = (
    *("--yes-always", "--no-stream", "--no-pretty", "--no-auto-commits", "--no-dirty-commits", "--no-check-update"),
    *("--analytics-disable", "--no-gitignore", "--no-show-model-warnings", "--no-show-release-notes"),
    *("--no-suggest-shell-commands", "--no-auto-test", "--no-notifications", "--no-detect-urls"),
    *("--disable-playwright", "--env-file", "/dev/null", "--load", "/dev/null", "--message-file", "/dev/stdin"),
)
ENVIRONMENT = {"COLUMNS": "1000", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
MODEL_PATTERN = re.compile(r"(?:Main model|Model): (?P<name>\S+)")
TOKENS_PATTERN = re.compile(
    r"Tokens: (?P<sent>[\d.,]+[kM]?) sent(?:, (?P<written>[\d.,]+[kM]?) cache write)?"
    r"(?:, (?P<cached>[\d.,]+[kM]?) cache hit)?, (?P<received>[\d.,]+[kM]?) received"
    r"(?:.*?Cost: \$(?P<cost>[\d.]+) message)?"
)
FAILED_PATTERN = re.compile(r"\blitellm\.(?:\w+\.)?\w*(?:Error|Exception|Timeout)\b|^Model \S+ has hit a token limit!$")
"""The second ends with exit code 0, although the answer was cut off and nothing of it counts."""
RETRYING = "Retrying in "
APPLIED = "Applied edit to "
LINTED_ENDS = (".c", ".css", ".go", ".html", ".java", ".js", ".json", ".md", ".py", ".rs", ".sh", ".toml", ".ts")
"""Names of files that it hands to a linter in any case. Of a language that it does not know, such as .txt or .yaml, it
hands none."""
MAX_ERROR_LINES = 6
"""Lines of an error that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Aider:
    """`aider --message-file`."""

    name: str = "aider"
    installed: InstalledProgram = PROGRAM
    unread_rules: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """What it lacks: the program, or a key."""
        if why := self.installed.missing():
            return why
        if with_keys(ANTHROPIC, OPENAI, GEMINI):
            return None
        return "aider has no log-in: set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY"

    def version(self) -> str:
        """Its version."""
        return self.installed.version()

    def launch(self, brief: RoundRequest) -> Launch:
        """A round; with a session, it goes on with the conversation in its home. Raises OSError."""
        files = ("--chat-history-file", str(brief.home / HISTORY_FILE), "--input-history-file", "/dev/null")
        write_home_file(brief.home, ".gitconfig", GITCONFIG)
        prompt = str(write_home_file(brief.home, PROMPT_FILE, brief.prompt))
        words = (
            *FLAGS,
            *files,
            *(("--auto-lint", "--lint-cmd", _linter(brief)) if brief.hook else ("--no-auto-lint",)),
            *(("--restore-chat-history",) if brief.session else ()),
            *(("--model", brief.model) if brief.model else ()),
            *(() if (brief.tree / ".git").exists() else ("--no-git",)),
            *_read_arguments(brief.tree),
        )
        return Launch(
            argv=("/bin/sh", "-c", START_SCRIPT, prompt, *self.installed.argv(), *words),
            environment=ENVIRONMENT,
            readable=self.installed.readable(),
            upstreams=with_keys(ANTHROPIC, OPENAI, GEMINI),
            leaves=LEFTOVER_PATTERNS,
            hidden=HIDDEN,
            hooked=bool(brief.hook),
        )

    def reading(self, before: Mapping[str, Any] = NOTHING_BEFORE) -> OutputParser:
        """A fresh reading. Each message is counted by itself."""
        return AiderOutputParser()


def _linter(brief: RoundRequest) -> str:
    """The command line of a linter that fails on a file of which the node says something. Raises OSError."""
    script = LINT_SCRIPT.format(hook=brief.hook, said=SAID_OF_FILE)
    return shlex.join(("/bin/sh", str(write_home_file(brief.home, LINT_FILE, script))))


def _read_arguments(tree: Path) -> tuple[str, ...]:
    """The project's rules as files that it may not change: named in the prompt, it would take them for its work."""
    rules = (tree / name for name in ("AGENTS.md", "CLAUDE.md"))
    return tuple(word for each in rules if each.is_file() and not each.is_symlink() for word in ("--read", str(each)))


class AiderOutputParser:
    """Reads what aider prints."""

    def __init__(self) -> None:
        self._answered, self._answer = False, ""
        self._said: list[str] = []
        self._failing = self._quoting = False
        self._lines: list[str] = []
        self._usage = Usage(backend="aider")
        self._applied: list[str] = []
        """Files that were changed since its model was asked last: what is said of them comes with the next call."""
        self._actions: list[EndedAction] = []

    def take(self, line: str) -> str:
        """Takes one line."""
        if line.startswith(WARNING_FRAME) or (self._quoting and line.startswith("- ")):
            self._quoting = True  # what earlier sessions wrote is nothing that aider says
            return line
        self._quoting = False
        if found := MODEL_PATTERN.match(line):
            self._usage = replace(self._usage, model=found["name"].rpartition("/")[2])
        elif tokens := TOKENS_PATTERN.search(line):
            self._count(tokens)
        elif FAILED_PATTERN.search(line):
            self._said, self._failing = [line], True
        elif self._failing and len(self._said) < MAX_ERROR_LINES and not line.startswith(RETRYING):
            self._said.append(line)
        else:
            self._lines.append(line)
            if line.startswith(APPLIED) and len(self._applied) < MAX_ACTIONS:
                self._applied.append(line.removeprefix(APPLIED)[:MAX_ACTION_CHARS])
        return line

    def _end_actions(self) -> None:
        """Takes the changes for done of which its linter has asked by now."""
        ended = (EndedAction(action=path, ok=True, hooked=path.endswith(LINTED_ENDS)) for path in self._applied)
        self._actions.extend(islice(ended, MAX_ACTIONS - len(self._actions)))
        self._applied = []

    def _count(self, found: re.Match[str]) -> None:
        sent, written, cached, received = (
            _parse_count(found[name]) for name in ("sent", "written", "cached", "received")
        )
        cost = _parse_cost(found["cost"] or "")
        self._end_actions()
        self._answered, self._failing, self._said = True, False, []
        self._answer, self._lines = "\n".join(self._lines).strip(), []
        self._usage = replace(
            self._usage,
            tokens_in=self._usage.tokens_in + sent,
            tokens_out=self._usage.tokens_out + received,
            tokens_cached=self._usage.tokens_cached + cached,
            tokens_written=self._usage.tokens_written + written,
            cost_usd=self._usage.cost_usd if cost is None else (self._usage.cost_usd or 0.0) + cost,
        )

    def told(self, exit_code: int | None) -> ParsedOutput:
        """What is known by now. It says nothing at its end, so it has not ended before it has exited."""
        said = error_line(" ".join(self._said)) if self._failing else ""
        trouble: ErrorKind | None = error_kind(said) if said else None
        if exit_code is not None:
            self._end_actions()
        return ParsedOutput(
            ended=self._answered and exit_code is not None,
            session=SESSION if self._answered else "",
            answer=self._answer,
            error=said,
            trouble=trouble,
            actions=tuple(self._actions),
            usage=self._usage,
        )


def _parse_cost(said: str) -> float | None:
    """An amount as aider says it; None for what is none."""
    try:
        return found if 0 <= (found := float(said)) < 1e9 else None
    except ValueError:
        return None


def _parse_count(said: str | None) -> int:
    """A count as aider rounds it: 812, 1.1k, 2M."""
    scale = {"k": 1_000, "M": 1_000_000}.get((said or "")[-1:], 1)
    digits = (said or "").rstrip("kM").replace(",", "")
    try:
        return round(min(float(digits) * scale, MAX_NUMBER))
    except (ValueError, OverflowError):
        return 0
