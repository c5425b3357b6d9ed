"""How are statements that are written once run on each database? In a transaction, with `:name` for each value."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

Rows = list[tuple[Any, ...]]


class RunStatement(Protocol):
    """Runs statements in one transaction."""

    def __call__(self, sql: str, /, **values: object) -> Rows:
        """The rows that it returns, if any. Only values go into `values`, as `column_values` writes them."""

    def hold(self, what: str) -> None:
        """Lets nobody else past this line with the same word until the transaction ends."""


class Transactions(Protocol):
    """A database in which plain SQL can be run; any thread may."""

    @property
    def place(self) -> str:
        """What it is called for a person, without a password."""

    @property
    def row_lock(self) -> str:
        """What a SELECT ends with that takes rows which nobody else holds; empty where every writer is alone."""

    def reading(self) -> AbstractContextManager[RunStatement]:
        """A transaction that changes nothing. Raises StoreFailed, WrongSetting."""

    def writing(self) -> AbstractContextManager[RunStatement]:
        """A transaction that is committed at the end, whole or, when anything is raised, not at all.

        Raises StoreFailed, WrongSetting.
        """
