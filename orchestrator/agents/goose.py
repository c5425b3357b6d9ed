"""How does goose do a round of work?

Written from its documentation alone: it comes as a download only, so it was never run here, and the tests feed its
reading with events as the documentation has them. Every round is a new conversation.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.core.ports.agent import Usage
from orchestrator.execution.programs.error_kinds import one_line, trouble_of
from orchestrator.execution.programs.home_files import fed
from orchestrator.execution.programs.installed import Installed
from orchestrator.execution.programs.json_events import Hearing, count, items, table, text
from orchestrator.execution.programs.model_apis import ANTHROPIC, OPENAI, with_keys
from orchestrator.execution.programs.port import Brief, Launch, Reading, Upstream

PROGRAM = Installed(name="goose", install="see its project's page; it is in no package registry")
TURNS = 200
MODEL = "GOOSE_MODEL"
PROVIDER = "GOOSE_PROVIDER"
UPSTREAMS = {
    "anthropic": replace(ANTHROPIC, base="ANTHROPIC_HOST"),
    "openai": replace(OPENAI, base="OPENAI_HOST", path=""),
}
"""The APIs of its providers that a node's line can serve."""
HIDDEN = (".goosehints", ".goose")


@dataclass(frozen=True, kw_only=True)
class Goose:
    """`goose run`. `turns` bounds a round."""

    turns: int = TURNS
    name: str = "goose"
    installed: Installed = PROGRAM

    def missing(self) -> str | None:
        """What it lacks: the program, a provider that we can serve, a key."""
        if why := self.installed.missing():
            return why
        if not _upstreams():
            return f"goose has no log-in: set {PROVIDER} to anthropic or openai, {MODEL}, and that provider's API key"
        return None if os.environ.get(MODEL) else f"goose has no model: set {MODEL}"

    def version(self) -> str:
        """Its version."""
        return self.installed.version()

    def launch(self, brief: Brief) -> Launch:
        """A round. Raises OSError."""
        words = (
            "run",
            "--no-session",
            "-i",
            "-",
            "--output-format",
            "stream-json",
            "--max-turns",
            str(self.turns),
            "-q",
        )
        environment = {
            "GOOSE_MODE": "auto",
            PROVIDER: os.environ.get(PROVIDER, ""),
            MODEL: brief.model or os.environ.get(MODEL, ""),
            "GOOSE_DISABLE_KEYRING": "1",
        }
        return Launch(
            argv=fed(brief.home, brief.prompt, *self.installed.argv(), *words),
            environment=environment,
            readable=self.installed.readable(),
            upstreams=_upstreams(),
            hidden=HIDDEN,
        )

    def reading(self) -> Reading:
        """A fresh reading."""
        return GooseReading()


def _upstreams() -> tuple[Upstream, ...]:
    chosen = UPSTREAMS.get(os.environ.get(PROVIDER, ""))
    return with_keys(chosen) if chosen else ()


class GooseReading(Hearing):
    """Reads `--output-format stream-json`."""

    def hear(self, found: dict[str, Any]) -> str:
        """Takes one event."""
        match text(found, "type"):
            case "message" if text(found, "message", "role") == "assistant":
                shown = [_shown(each) for each in items(found, "message", "content")]
                said = [text(each, "text") for each in items(found, "message", "content")]
                self.answer = "\n".join(filter(None, said)) or self.answer
                return "\n".join(filter(None, shown))
            case "error":
                self.error = one_line(text(found, "error") or "an error without words")
                self.trouble = trouble_of(self.error)
                return f"[{self.trouble}: {self.error}]"
            case "complete":
                self.ended = True
                tokens = count(found, "input_tokens") or count(found, "total_tokens")
                self.usage = Usage(backend="goose", tokens_in=tokens, tokens_out=count(found, "output_tokens"))
        return ""


def _shown(block: dict[str, Any]) -> str:
    if text(block, "type") == "toolRequest":
        call = table(block, "toolCall", "value")
        return (
            f"[{text(call, 'name')} {one_line(text(call, 'arguments', 'command') or text(call, 'arguments', 'path'))}]"
        )
    return text(block, "text")
