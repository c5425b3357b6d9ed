"""Which error does a person read when a database fails? One line: which database, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from orchestrator.adapters.database.plain.column_values import UnstorableValue
from orchestrator.adapters.database.plain.failures import driver_failure, translate_driver_errors
from orchestrator.core.errors import StoreFailed, WrongSetting


@contextmanager
def translate_errors(place: str) -> Iterator[None]:
    """Says what a database raises in our words. An IntegrityError passes: only who wrote the row knows what it means.

    Raises StoreFailed, and WrongSetting for a value that no database can hold.
    """
    try:
        with translate_driver_errors(place):
            yield
    except IntegrityError:
        raise
    except StatementError as error:
        if isinstance(error.orig, UnstorableValue):
            raise WrongSetting("a value to be stored", str(error.orig)) from error
        raise store_failure(place, error) from error
    except NoConnectionFree as error:
        raise StoreFailed(place, "every connection is busy: try again", passing=True) from error


def store_failure(place: str, error: Exception) -> StoreFailed:
    """The error in words, without values: those of a statement may be secret."""
    cause = (error.orig if isinstance(error, StatementError) else None) or error
    gone = isinstance(error, DBAPIError) and error.connection_invalidated
    return driver_failure(place, cause, gone=gone)
