"""Facts about what is made of a program's own account of its round."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from orchestrator.core import pricing
from orchestrator.core.ports.action_warner import Unwarned
from orchestrator.core.ports.agent import Unmetered
from orchestrator.core.ports.model import Usage
from orchestrator.execution.bounds import AttemptLimits, UsageMeter
from orchestrator.execution.hooks.tool_hooks import ToolHooks
from orchestrator.execution.output_collector import OutputCollector
from orchestrator.execution.programs.port import ParsedOutput


class TellsTokens:
    """A reading of a program that tells its round's tokens and no money."""

    def take(self, line: str) -> str:
        return line

    def told(self, exit_code: int | None) -> ParsedOutput:
        return ParsedOutput(usage=Usage(model="gemini-2.5-pro", tokens_in=600_000, tokens_out=20_000))


def test_a_rounds_tokens_are_those_of_many_calls() -> None:
    """Twenty calls of 30,000 tokens are not priced as one of 600,000, of which this API asks twice as much."""
    meter, stop = UsageMeter(Unmetered()), threading.Event()
    limits = AttemptLimits(stop=stop, usage_meter=meter, deadline=time.monotonic() + 60)
    hooks = ToolHooks(warner=Unwarned(), tree=Path())
    collector = OutputCollector(TellsTokens(), None, limits, hooks)  # type: ignore[arg-type]  # it remembers nothing
    call = pricing.call_cost(Usage(model="gemini-2.5-pro", tokens_in=30_000, tokens_out=1000))
    assert call is not None
    assert collector.told(0).usage.cost_usd == pytest.approx(20 * call, rel=1e-9)
