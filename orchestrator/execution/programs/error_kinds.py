"""What kind of trouble is it that a program reports in its own words?"""

from __future__ import annotations

import re

from handoff.secrets.excerpts import redacted_line
from orchestrator.execution.programs.port import ErrorKind

PROXY_REFUSAL = re.compile(r"leads to none of this run's model APIs|is no call to|is not passed on")
"""What our own line says to a call that it does not let through: no person's log-in mends that."""
BUDGET = re.compile(r"\bbudget: ", re.IGNORECASE)
QUOTA = re.compile(
    r"quota|credit balance|billing|insufficient[_ ](?:funds|credits|balance)|payment required|usage limit"
    r"|rate[_ -]?limit|resource_exhausted|too many requests|\b(?:402|429)\b",
    re.IGNORECASE,
)
LOGIN = re.compile(
    r"not logged in|log ?in again|please run /login|authenticat|unauthori[sz]ed|api[_ ]key|missing environment variable"
    r"|invalid[_ ]auth|auth method|token (?:has )?expired|forbidden|permission[_ ](?:denied|error)|\b(?:401|403)\b",
    re.IGNORECASE,
)
MAX_ERROR_CHARS = 500
"""Characters of an error that are told."""


def proxy_refusal_kind(said: str) -> ErrorKind | None:
    """The kind of a refusal that came from our own line, not from the API; None for any other."""
    if BUDGET.search(said):
        return ErrorKind.BUDGET
    return ErrorKind.API if PROXY_REFUSAL.search(said) else None


def error_kind(said: str, status: int = 0) -> ErrorKind:
    """The kind of an error of the model's API, from HTTP's status where the program says it, else from its words."""
    if ours := proxy_refusal_kind(said):
        return ours
    if status in {402, 429} or QUOTA.search(said):
        return ErrorKind.QUOTA
    if status in {401, 403} or (not status and LOGIN.search(said)):
        return ErrorKind.LOGIN
    return ErrorKind.API


def error_line(said: str) -> str:
    """An error as one line."""
    return redacted_line(said, MAX_ERROR_CHARS)
