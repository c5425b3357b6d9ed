"""What does `[heartbeat]` in fleet.toml say: how often nodes look, in which hours, what may come of it?"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from missions.declared.value_rules import Limits
from orchestrator.ledger.config import quiet_hours
from orchestrator.ledger.config.policy_tables import FleetTomlTable

Dollars = Annotated[float, Limits(ge=0, le=10_000, allow_inf_nan=False)]


class HeartbeatPart(FleetTomlTable):
    """`[heartbeat]`. `active` are hours such as 07:00-22:00 in `timezone`; empty: always. Days are that zone's.

    `every_minutes` is how long a turn is; 0: there are none. The budgets are the whole fleet's for what it looks at
    together, and each node's for what it looks at by itself.
    """

    every_minutes: Annotated[int, Limits(ge=0, le=1440)] = 30
    active: str = ""
    timezone: str = "UTC"
    notices_per_day: Annotated[int, Limits(ge=0, le=1000)] = 20
    missions_per_day: Annotated[int, Limits(ge=0, le=1000)] = 6
    usd_per_day: Dollars = 2.0
    mission_usd: Dollars = 0.5

    def check(self) -> None:
        """Its hours can be read."""
        quiet_hours.read(self.active, self.timezone)  # raises ValueError

    def is_active(self, now: datetime) -> bool:
        """Whether nodes look at anything now."""
        if not self.every_minutes:
            return False
        hours = quiet_hours.read(self.active, self.timezone)
        return hours is None or hours.begins == hours.ends or hours.until(now) > now
