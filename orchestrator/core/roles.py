"""What may a node's role and its switches let it do? The table of roles, as one pure function: `role_policy`.

Whoever asks what a role may do asks here; docs/roles.md shows the table to people.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """A node's role. The word is what FACTORY_ROLE takes."""

    HEADQUARTERS = "HEADQUARTERS"
    LOCAL_WORKER = "LOCAL_WORKER"
    STANDALONE_NODE = "STANDALONE_NODE"

    @classmethod
    def read(cls, word: str) -> Role:
        """The role that a word names. An unknown word is LOCAL_WORKER, the least privileged."""
        return cls.__members__.get(word.strip().upper(), cls.LOCAL_WORKER)

    @property
    def label(self) -> str:
        """How people see it."""
        return {"HEADQUARTERS": "HQ", "LOCAL_WORKER": "worker", "STANDALONE_NODE": "standalone"}[self.value]


class HttpSurface(StrEnum):
    """Which routes a node serves."""

    FULL = "full"
    DEVICES = "devices"
    """A sign of life, and what a paired device may be let do."""
    HEALTH = "health"
    """A sign of life alone."""


class HeartbeatScope(StrEnum):
    """Whom a node's heartbeat loop looks at."""

    GLOBAL = "global"
    """The whole fleet, which it judges."""
    OWN = "own"


@dataclass(frozen=True, kw_only=True)
class RoleSwitches:
    """What a node's settings say about what its role leaves to them."""

    device_sync: bool = False
    accept_delegations: bool = True
    vp_coder: bool = True
    telegram_poll: bool = False
    proactive_autonomy: bool = False


PAGE_SWITCH = "SHIFTBOOK_DEVICE_SYNC=1"
"""What has a worker serve the page, and devices."""


@dataclass(frozen=True, kw_only=True)
class RolePolicy:
    """What one node may do: a column of the table of roles."""

    role: Role
    http: HttpSurface
    page: bool
    """Serves the web page."""
    telegram: bool
    """May poll Telegram."""
    heartbeat: HeartbeatScope
    publishes: bool
    """Takes missions in for the whole fleet over HTTP (`/api/v1/delegation/publish`), and keeps who is registered."""
    registers: bool
    """Tells headquarters over HTTP that it is there, where it knows headquarters' address."""
    takes_missions: bool
    """Works on missions of its ledger."""
    codes: bool
    """Takes those that change a project, too."""
    idle_work: bool
    """Looks for useful work of its own when it has none."""
    writes_global: bool
    """Writes what is the whole fleet's (`core/state_scope`)."""
    issues_ops_tokens: bool
    serves_git: bool
    """May serve the ledger to git over HTTP."""


def role_policy(role: Role, switches: RoleSwitches) -> RolePolicy:
    """What a node of this role may do with these switches."""
    hq, worker = role is Role.HEADQUARTERS, role is Role.LOCAL_WORKER
    narrow = HttpSurface.DEVICES if switches.device_sync else HttpSurface.HEALTH
    http = narrow if worker else HttpSurface.FULL
    return RolePolicy(
        role=role,
        http=http,
        page=http is not HttpSurface.HEALTH,
        telegram=switches.telegram_poll and not worker,
        heartbeat=HeartbeatScope.GLOBAL if hq else HeartbeatScope.OWN,
        publishes=hq,
        registers=worker,
        takes_missions=switches.accept_delegations,
        codes=switches.accept_delegations and switches.vp_coder,
        idle_work=switches.proactive_autonomy,
        writes_global=not worker,
        issues_ops_tokens=hq,
        serves_git=not worker,
    )
