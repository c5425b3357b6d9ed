"""A desk that answers from what a test says, for tests of who asks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.core.errors import Refused
from orchestrator.core.ports.run_desk import BRIDGE_TOOLS


@dataclass(kw_only=True)
class ScriptedDesk:
    """`lines` are what is recalled and warned of; `asked` is all that it was asked."""

    lines: Sequence[str] = ('claude at desktop wrote: "`make all -j4` is killed" [e1, 2026-11-01]',)
    tools: tuple[str, ...] = BRIDGE_TOOLS
    answer_seconds: float = 0.0
    refuses: str = ""
    asked: list[tuple[object, ...]] = field(default_factory=list)

    def handoff(self, task: str, tokens: int) -> str:
        self.asked.append(("handoff", task, tokens))
        return "\n".join(self.lines)

    def recall(self, query: str, limit: int) -> Sequence[str]:
        self.asked.append(("recall", query, limit))
        return self.lines[:limit]

    def warnings(self, action: str, limit: int) -> Sequence[str]:
        self.asked.append(("failed_here", action))
        return [line for line in self.lines if action in line][:limit]

    def proposed(self, name: str, text: str) -> str:
        self.asked.append(("file_mission", name, text))
        if self.refuses:
            raise Refused(self.refuses)
        return f"proposed: `missions/{name}.md`"
