"""What can this node do, and what not and why? Its role's rows and its offer, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from missions.selection import NodeCapabilities
from orchestrator.core.roles import HeartbeatScope, HttpSurface, RolePolicy

HQ_ONLY = "headquarters alone does (FACTORY_ROLE=HEADQUARTERS)"


@dataclass(frozen=True, kw_only=True)
class Permission:
    """A row of the table of roles, as it holds for one node. `why` is empty where it is allowed."""

    what: str
    allowed: bool
    why: str = ""


def permissions(policy: RolePolicy) -> tuple[Permission, ...]:
    """What a node's role and switches allow, and which of them forbids the rest."""
    return tuple(Permission(what=what, allowed=not why, why=why) for what, why in _rows(policy))


def _rows(policy: RolePolicy) -> Iterator[tuple[str, str]]:
    """Each row with why it is forbidden; empty where it is allowed."""
    narrow = {
        HttpSurface.FULL: "",
        HttpSurface.DEVICES: "a LOCAL_WORKER serves /health and what paired devices may be let do",
        HttpSurface.HEALTH: "a LOCAL_WORKER serves /health alone (SHIFTBOOK_DEVICE_SYNC=1 adds paired devices)",
    }
    working = "" if policy.takes_missions else "ACCEPT_DELEGATIONS is off"
    yield "serve every route over HTTP", narrow[policy.http]
    yield "serve the web page", "" if policy.page else "SHIFTBOOK_DEVICE_SYNC is off"
    yield "work on missions", working
    yield "change projects (coding_task)", "" if policy.codes else working or "ENABLE_VP_CODER is off"
    yield "take missions in for the fleet over HTTP", "" if policy.publishes else HQ_ONLY
    yield "keep who is registered", "" if policy.publishes else HQ_ONLY
    judging = "" if policy.heartbeat is HeartbeatScope.GLOBAL else f"{HQ_ONLY}, another node where none lives"
    yield "judge the fleet in its heartbeat", judging
    yield "write what is the whole fleet's", "" if policy.writes_global else "a LOCAL_WORKER reads it from headquarters"
    yield "do work of its own when idle", "" if policy.idle_work else "ENABLE_PROACTIVE_AUTONOMY is off"
    yield "issue ops tokens", "" if policy.issues_ops_tokens else HQ_ONLY
    silent = "ENABLE_TELEGRAM_POLL is off" if policy.http is HttpSurface.FULL else "a LOCAL_WORKER never does"
    yield "be a bot of Telegram", "" if policy.telegram else silent
    yield "serve the ledger to git", "" if policy.serves_git else "a LOCAL_WORKER never does"


def report_json(policy: RolePolicy, offer: NodeCapabilities, version: str, *, announced: bool) -> dict[str, Any]:
    """The report as plain data. `announced`: whether the offer is what the node really found, on its page."""
    return {
        "node": offer.node,
        "role": policy.role.value,
        "version": version,
        "announced": announced,
        "may": [{"what": row.what, "allowed": row.allowed, "why": row.why} for row in permissions(policy)],
        "capabilities": sorted(offer.capabilities),
        "agents": sorted(offer.agents),
        "answering": sorted(offer.answering),
        "weak": sorted(offer.weak),
        "tasks": sorted(offer.tasks) if policy.takes_missions else [],
        "divisions": [
            {"division": one.division, "name": one.name, "voice": one.voice, "tasks": sorted(one.tasks & offer.tasks)}
            for one in offer.divisions
        ],
    }


def render_report(policy: RolePolicy, offer: NodeCapabilities, version: str) -> str:
    """The report as `capabilities.md`."""
    rows = permissions(policy)
    yes = [f"- {row.what}" for row in rows if row.allowed]
    no = [f"- {row.what}: {row.why}" for row in rows if not row.allowed]
    lists = (
        ("Capabilities", sorted(offer.capabilities)),
        ("Agents", sorted(offer.agents)),
        ("Agents that only answer, because there is no sandbox", sorted(offer.answering)),
        ("Agents whose model is not up to code", sorted(offer.weak)),
        ("Kinds of work", sorted(offer.tasks) if policy.takes_missions else []),
        ("Divisions", [one.signature(offer.node) for one in offer.divisions]),
    )
    parts = [f"# What {offer.node} can do", f"A {policy.role.value} node, version {version}. Written at its start."]
    parts += ["## It may", "\n".join(yes) or "- nothing", "## It may not", "\n".join(no) or "- nothing is forbidden"]
    parts += [f"{what}: {', '.join(words)}." for what, words in lists if words]
    return "\n\n".join(parts) + "\n"
