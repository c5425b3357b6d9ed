"""What may an agent ask of its fleet while it works? The port between one run and the ledger that it works for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Protocol

BridgeToolName = Literal["handoff", "recall", "failed_here", "file_mission", "ask"]
HANDOFF: Final = "handoff"
RECALL: Final = "recall"
FAILED_HERE: Final = "failed_here"
FILE_MISSION: Final = "file_mission"
ASK: Final = "ask"
BRIDGE_TOOLS: tuple[BridgeToolName, ...] = (HANDOFF, RECALL, FAILED_HERE, FILE_MISSION, ASK)
"""What an agent's own server can offer it."""


class RunDesk(Protocol):
    """One run's, from any thread. It answers of the run's own project and of the fleet and takes no other name, as the
    ledger was when the run began; each answer names its sources. Raises OrchestratorError, SyncError, sqlite3.Error.
    """

    @property
    def tools(self) -> tuple[str, ...]:
        """What the fleet lets this run ask, of `BRIDGE_TOOLS`; empty: nothing, and there is no server."""

    @property
    def answer_seconds(self) -> float:
        """For how long the run waits for a person's answer before it rests."""

    def handoff(self, task: str, tokens: int) -> str:
        """The four tiers in about so many tokens, with what is recalled for a task; "" is the run's own."""

    def recall(self, query: str, limit: int) -> Sequence[str]:
        """What earlier sessions said that bears on a query, best first, each with its entry."""

    def warnings(self, action: str, limit: int) -> Sequence[str]:
        """What failed before at a command line or a path, each with its entry."""

    def proposed(self, name: str, text: str) -> str:
        """What will become of a mission that the run proposes, in words. Raises Refused for one that is not filed."""


class NoRunDesk:
    """The desk of a run that may ask nothing."""

    tools: tuple[str, ...] = ()
    answer_seconds = 0.0

    def handoff(self, task: str, tokens: int) -> str:
        """Nothing."""
        return ""

    def recall(self, query: str, limit: int) -> Sequence[str]:
        """Nothing."""
        return ()

    def warnings(self, action: str, limit: int) -> Sequence[str]:
        """Nothing."""
        return ()

    def proposed(self, name: str, text: str) -> str:
        """Nothing."""
        return ""
