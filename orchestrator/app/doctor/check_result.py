"""A check's result: how does one thing stand, and what is to be done?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """How a thing stands."""

    GOOD = "good"
    ABSENT = "not here"
    """Nothing that anybody needs: somebody may want it."""
    POOR = "poor"
    """It works, with something lacking."""
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One thing that was looked at. `remedy` is empty when nothing needs to be done."""

    what: str
    health: CheckStatus
    says: str
    remedy: str = ""
    detail: str = ""
    """Numbers that few people want to see."""
