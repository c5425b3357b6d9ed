"""How does a program that speaks the Agent Client Protocol do a round of work?

The protocol is the way to speak with it, and no measure of its work: what it says of tokens, costs and its model's
errors is not believed (two of six programs call a turn finished whose call was refused). The node's line counts, so a
key is needed. It is offered no files and no terminal of the node: the sandbox holds it, as any other program.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from handoff.secrets.excerpts import redacted_line
from orchestrator.adapters.agents.acp.conversation import AcpConversation, SessionPlan
from orchestrator.adapters.agents.acp.ended_calls import plain_command
from orchestrator.adapters.agents.acp.hook_files import HookFiles
from orchestrator.adapters.agents.acp.session_settings import SessionSettings
from orchestrator.core.foreign_files import open_foreign
from orchestrator.core.own_installation import extra_command
from orchestrator.execution.programs.error_kinds import MAX_ERROR_CHARS
from orchestrator.execution.programs.home_files import write_home_file
from orchestrator.execution.programs.installed import InstalledProgram
from orchestrator.execution.programs.model_apis import ANTHROPIC, GEMINI, OPENAI, with_keys
from orchestrator.execution.programs.port import NOTHING_BEFORE, Launch, ModelApi, OutputParser, RoundRequest
from orchestrator.ledger.config.agent_tables import AgentPart

APIS: Mapping[str, ModelApi] = {"anthropic": ANTHROPIC, "openai": OPENAI, "gemini": GEMINI}
RULE_FILES = ("AGENTS.md", "CLAUDE.md")
ERRORS_FILE = ".shiftbook-errors"
MAX_READ_ERRORS = 4096
"""Bytes at the end of its standard error that are looked at when it died."""
START_SCRIPT = 'exec "$@" 2>"$0"'
"""Its standard output carries messages alone: what else it says must not stand in one of their lines."""


@dataclass(frozen=True, kw_only=True)
class AcpProgram:
    """A program as its table describes it."""

    name: str
    table: AgentPart
    asks_in_bash: bool = False
    """Whether it gives `bash -c` the command lines that it tells of, and nothing around them."""
    hook_files: HookFiles | None = None
    """The files by which it runs a request's hook, if it can."""

    @property
    def installed(self) -> InstalledProgram:
        """The program as it is found on PATH."""
        install = self.table.install or f"put {self.table.command[0]} on the PATH of this node"
        return InstalledProgram(name=self.table.command[0], install=install, asks_version=self.table.version)

    @property
    def unread_rules(self) -> tuple[str, ...]:
        """What stands in the prompt, because it does not read it."""
        return tuple(name for name in RULE_FILES if name not in self.table.reads)

    def missing(self) -> str | None:
        """What it lacks: the program, a key, or the library."""
        if why := self.installed.missing():
            return why
        if not self._keys():
            keys = " or ".join(APIS[each].key for each in self.table.apis)
            return f"{self.name} has no key: set {keys}; a log-in of yours is not lent, because only the line counts"
        if find_spec("acp") is None:
            return f"{self.name} needs the extra acp, which is not installed: {extra_command('acp')}"
        return None

    def version(self) -> str:
        """Its version."""
        return f"{self.name} {self.installed.version().partition(' ')[2]}".strip()

    def launch(self, brief: RoundRequest) -> Launch:
        """A round; with a session, it goes on with that one. Raises OSError."""
        model = brief.model or self.table.model
        words, environment = self.table.command[1:], self.table.environment
        told = any("{model}" in text for text in (*words, *environment.values()))
        errors = write_home_file(brief.home, ERRORS_FILE, "")
        hooks = self.hook_files(brief.unfailing_hook) if brief.hook and self.hook_files else {}
        for name, text in hooks.items():
            write_home_file(brief.home, name, text)
        plan = SessionPlan(
            name=self.name,
            prompt=brief.prompt,
            tree=str(brief.tree),
            session=brief.session,
            settings=SessionSettings(mode=self.table.mode, model=model, model_told=told, options=self.table.options),
            login=self.table.login,
            tools=brief.tools,
            servers=brief.servers,
        )
        filled = [word.replace("{model}", model) for word in words]
        return Launch(
            argv=("/bin/sh", "-c", START_SCRIPT, str(errors), *self.installed.argv(), *filled),
            environment={name: text.replace("{model}", model) for name, text in environment.items()},
            readable=self.installed.readable(),
            upstreams=self._keys(),
            hidden=self.table.hidden,
            conversation=AcpConversation(plan, last_words=lambda: last_words(errors)),
            line_decides=True,
            hooked=bool(hooks),
            of_bash=plain_command if self.asks_in_bash else None,
        )

    def reading(self, before: Mapping[str, Any] = NOTHING_BEFORE) -> OutputParser:
        """What reads its output without speaking with it: a round's own reading is the conversation of its launch."""
        return AcpConversation(SessionPlan(name=self.name, prompt="", tree="/"))

    def _keys(self) -> tuple[ModelApi, ...]:
        return with_keys(*(APIS[each] for each in self.table.apis))


def last_words(path: Path) -> str:
    """The last line of a program's standard error, "" where there is none. What stands there is the run's to write."""
    with suppress(OSError), open_foreign(path.parent, (path.name,)) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - MAX_READ_ERRORS))
        lines = file.read(MAX_READ_ERRORS).decode("utf-8", "replace").split("\n")
        return next((redacted_line(line, MAX_ERROR_CHARS) for line in reversed(lines) if line.strip()), "")
    return ""
