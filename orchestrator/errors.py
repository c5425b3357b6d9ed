"""What can go wrong on a node or in a command?"""

from __future__ import annotations


class OrchestratorError(Exception):
    """Root of everything that this package raises. `exit_code` is what the command line returns for it (SPEC: 0-4)."""

    exit_code = 1


class WrongSetting(OrchestratorError):
    """A setting or an argument is not one that can be used."""

    exit_code = 2

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"{name}: {why}")


class NotFound(OrchestratorError):
    """What was asked for is not there."""

    exit_code = 3


class Refused(OrchestratorError):
    """Policy or trust does not allow it."""

    exit_code = 4


class BrokenLedger(OrchestratorError):
    """The ledger lacks something that no node can work without."""

    exit_code = 2


class ModelUnavailable(OrchestratorError):
    """The model cannot be loaded or reached."""


class ContextTooLong(OrchestratorError):
    """A prompt has more tokens than the model's context holds."""

    def __init__(self, tokens: int, roof: int) -> None:
        self.tokens, self.roof = tokens, roof
        super().__init__(f"the prompt has {tokens} tokens, the model holds {roof}")


class WorkspaceFailed(OrchestratorError):
    """A workspace for an attempt could not be made or read."""
