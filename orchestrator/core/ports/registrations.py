"""The port of registrations: which nodes have told headquarters over HTTP how they are, and when?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

MAX_REGISTRATIONS = 2000
"""Nodes that headquarters keeps."""
KEPT_REGISTRATION = timedelta(days=30)
"""How long a node that says nothing more is kept."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a node told last. `number` grows with each report of that node; `report` is the JSON that it signed.

    `first` and `received` are moments of headquarters' own clock.
    """

    node: str
    number: int
    report: str
    first: datetime
    received: datetime


class Registrations(Protocol):
    """The last report of each node."""

    def put(self, node: str, number: int, report: str, when: datetime) -> Registration:
        """Takes a report in, and forgets nodes that have said nothing for KEPT_REGISTRATION.

        Raises OutdatedReport where one with that number or a higher one is there, and WrongSetting where there are
        MAX_REGISTRATIONS nodes already.
        """

    def every(self) -> tuple[Registration, ...]:
        """All of them, by node."""
