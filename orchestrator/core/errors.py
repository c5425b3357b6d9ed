"""Which errors can a node or a command end with?"""

from __future__ import annotations


class OrchestratorError(Exception):
    """Root of everything that this package raises. `exit_code` is what the command line returns for it: 0 to 4.

    `words` are fixed, or a format for what is `quoted`: HTTP tells the former, and the latter without its caller's.
    """

    exit_code = 1

    def __init__(self, words: str = "", *quoted: object) -> None:
        self.words, self.quoted = words, quoted
        super().__init__(words.format(*quoted) if quoted else words)


class WrongSetting(OrchestratorError):
    """A setting or an argument is not one that can be used."""

    exit_code = 2

    def __init__(self, name: str, why: str, *quoted: object) -> None:
        self.name, self.why = name, why.format(*quoted) if quoted else why
        super().__init__(f"{name}: {why}", *quoted)


class NotFound(OrchestratorError):
    """What was asked for is not there."""

    exit_code = 3


class Refused(OrchestratorError):
    """Policy or trust does not allow it."""

    exit_code = 4


class GlobalStateRefused(Refused):
    """A node that is not headquarters does not write what is the whole fleet's."""


class UnusableResult(OrchestratorError):
    """What an attempt brought cannot become its mission's result."""


class BrokenLedger(OrchestratorError):
    """The ledger lacks something that no node can work without."""

    exit_code = 2


class ModelUnavailable(OrchestratorError):
    """The model cannot be loaded or reached. `retry_after` is in how many seconds asking again may help."""

    retry_after = 5


class ContextTooLong(OrchestratorError):
    """A prompt has more tokens than the model's context holds."""

    def __init__(self, tokens: int, roof: int) -> None:
        self.tokens, self.roof = tokens, roof
        super().__init__(f"the prompt has {tokens} tokens, the model holds {roof}")


class WrongPrompt(OrchestratorError):
    """A model cannot be asked like this: a schema that it cannot follow, a parameter that it does not know."""

    exit_code = 2


class WorkspaceFailed(OrchestratorError):
    """A workspace for an attempt could not be made or read. `lasting`: a person must mend it, no attempt will."""

    def __init__(self, why: str, *, lasting: bool = False) -> None:
        self.lasting = lasting
        super().__init__(why)


class AlreadyDone(OrchestratorError):
    """It was done or decided before, or somebody else is at it."""

    exit_code = 4


class OutdatedReport(OrchestratorError):
    """A node's report is not its newest. `last` is the number of the one that is there."""

    def __init__(self, last: int) -> None:
        self.last = last
        super().__init__("a report with this number or a higher one is there: go on from `last`")


class QueueFull(OrchestratorError):
    """So many wait for the model that no more are taken. `retry_after` is in seconds."""

    def __init__(self, waiting: int, retry_after: int) -> None:
        self.waiting, self.retry_after = waiting, retry_after
        super().__init__(f"{waiting} wait for the model already: come again in {retry_after} s")


class StoreFailed(OrchestratorError):
    """The node's database cannot be used now. `passing` failures may be over in a minute."""

    def __init__(self, place: str, why: str, *, passing: bool = False) -> None:
        self.place, self.why, self.passing = place, why, passing
        super().__init__(f"the database {place}: {why}")


class SecretsUnavailable(OrchestratorError):
    """The server that keeps this node's secrets does not give them. `passing` failures may be over in a minute.

    `status` is what it answered; 0 where it did not.
    """

    def __init__(self, place: str, why: str, *, passing: bool = False, status: int = 0) -> None:
        self.place, self.why, self.passing, self.status = place, why, passing, status
        super().__init__(f"the secrets at {place}: {why}")


class BackupFailed(OrchestratorError):
    """A backup could not be written; nothing is left of the attempt."""


class BusUnavailable(OrchestratorError):
    """The bus beside the ledger cannot be used now; missions go the ledger's way meanwhile."""

    def __init__(self, place: str, why: str) -> None:
        self.place, self.why = place, why
        super().__init__(f"the bus at {place}: {why}")
