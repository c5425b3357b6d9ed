"""What does a rule of the check look at, and what is its finding?"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from handoff.documents import TIERS, HandoffDocument


@dataclass(frozen=True, kw_only=True)
class HandoffFinding:
    """One thing that is wrong: where, by which rule, how that shows, and what a person or an instance should do."""

    file: str
    line: int
    rule: str
    why: str
    what_to_do: str


@dataclass(frozen=True, kw_only=True)
class CheckInput:
    """Everything a rule may look at."""

    read: tuple[HandoffDocument, ...]
    files: frozenset[str]
    today: datetime.date
    budgets: Mapping[str, int]
    encodings: Mapping[str, str]
    symbols: frozenset[str] | None = None
    """Names that the sources hold; None where nobody looked."""

    @cached_property
    def non_templates(self) -> tuple[HandoffDocument, ...]:
        """The documents that mean what they say: all but templates."""
        return tuple(document for document in self.read if not document.is_template)

    @cached_property
    def tiers(self) -> tuple[HandoffDocument, ...]:
        """The documents of the four tiers, higher tiers first."""
        named = [document for document in self.non_templates if document.name in TIERS]
        return tuple(sorted(named, key=lambda document: (document.folder, TIERS.index(document.name))))


def finding(file: str, line: int, rule: str, why: str, what_to_do: str) -> HandoffFinding:
    """A finding, with its values in the order in which they are read aloud."""
    return HandoffFinding(file=file, line=line, rule=rule, why=why, what_to_do=what_to_do)
