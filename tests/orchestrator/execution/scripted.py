"""A program of the tests' own, in place of the agents that cost money: a shell script that says what it is told to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.core.ports.model import Usage
from orchestrator.execution.programs.port import NOTHING_BEFORE, ErrorKind, Launch, ParsedOutput, RoundRequest


def event(**fields: object) -> str:
    """A shell command that prints one event."""
    return f"printf '%s\\n' '{json.dumps(fields)}'"


BEGIN = event(session="s-1")
END = event(end="Done. All is well.")


def spent(cost: float | None = None, tokens: int = 100, model: str = "m-1") -> str:
    """The event that says what the round took so far."""
    return event(usage={"model": model, "tokens_in": tokens, "tokens_out": tokens // 10, "cost_usd": cost})


@dataclass
class Reader:
    """Reads the script's events; any other line is shown as it is."""

    found: dict[str, Any] = field(default_factory=dict)
    denials: list[str] = field(default_factory=list)

    def take(self, line: str) -> str:
        try:
            read = json.loads(line)
        except ValueError:
            return line
        if not isinstance(read, dict):
            return line
        if "denied" in read:
            self.denials.append(read["denied"])
        self.found |= read
        return str(read.get("say", ""))

    def told(self, exit_code: int | None) -> ParsedOutput:
        trouble = self.found.get("trouble")
        return ParsedOutput(
            ended="end" in self.found,
            session=self.found.get("session", ""),
            answer=self.found.get("end", ""),
            error=self.found.get("error", ""),
            trouble=ErrorKind(trouble) if trouble else None,
            denials=tuple(self.denials),
            usage=Usage(**self.found.get("usage", {})),
        )


@dataclass
class Scripted:
    """A program whose n-th round runs the n-th script, the last one over and over. `briefs` is what it was given."""

    scripts: tuple[str, ...]
    leaves: tuple[str, ...] = ()
    briefs: list[RoundRequest] = field(default_factory=list)
    name: str = "claude"
    unread_rules: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return "scripted 1.2.3"

    def launch(self, brief: RoundRequest) -> Launch:
        self.briefs.append(brief)
        script = self.scripts[min(len(self.briefs), len(self.scripts)) - 1]
        path = brief.home / "prompt.txt"
        path.write_text(brief.prompt)
        return Launch(argv=("/bin/sh", "-c", script), leaves=self.leaves, environment={"PROMPT": str(path)})

    def reading(self, before: Mapping[str, Any] = NOTHING_BEFORE) -> Reader:
        return Reader()


@dataclass
class Purse:
    """A meter with one limit, in USD, and how often it was told something."""

    limit: float
    spent: float = 0.0
    notes: int = 0
    mission_usd: float | None = None

    def note(self, usage: Usage) -> None:
        self.notes += 1
        self.spent = usage.cost_usd or 0.0

    def over(self) -> str:
        return (
            f"budget of the mission reached: ${self.spent:.2f} of ${self.limit:.2f}" if self.spent >= self.limit else ""
        )

    def unpriced(self, model: str) -> str:
        return ""


def folder_of(path: Path) -> Path:
    """A fresh folder for an attempt."""
    path.mkdir(parents=True)
    return path
