"""To whom did the work of a node go that fell silent? Takeovers, as claims and results tell them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from missions.errors import BadClaim
from missions.lease import Claim, read_claim
from orchestrator.ledger.snapshot import CLAIM_FILE, MAX_CLAIM_BYTES, HeldClaim, LedgerSnapshot, MissionFile
from sync.errors import ObjectMissing
from sync.objects import find, load_commit

REMARK = re.compile(r"took over from ([a-z0-9-]+) after ")
"""How a node's scheduler begins the remark on what it took over; it stands in the mission's result."""
MAX_FINISHED = 30
"""Finished missions, the newest first, that are looked through."""
MAX_STATES = 20
"""States of one claim that are looked through: it has one for each attempt and each end."""


def taken_over(ledger: LedgerSnapshot, silent: Mapping[str, datetime | None]) -> dict[str, dict[str, str]]:
    """For each of these nodes the missions that others took over from it, each with who did.

    What was finished before a node fell silent, at the time that is given with it (None: not known), is left out.
    """
    found: dict[str, dict[str, str]] = {name: {} for name in silent}
    if not silent:
        return found
    for mission, before, after in (*_finished(ledger, silent), *_claimed(ledger)):
        if before in found and after != before:
            found[before][mission] = after
    return found


def _finished(ledger: LedgerSnapshot, silent: Mapping[str, datetime | None]) -> Iterator[tuple[str, str, str]]:
    for one in ledger.every_archived(limit=MAX_FINISHED):
        if not isinstance(one, MissionFile) or not one.mission.node:
            continue
        for node in REMARK.findall(ledger.text(one.path)):
            since, finished = silent.get(node), one.mission.finished
            if since is None or finished is None or finished >= since:
                yield one.mission.name, node, one.mission.node


def _claimed(ledger: LedgerSnapshot) -> Iterator[tuple[str, str, str]]:
    for name, held in ledger.claims.items():
        for before in _holders_before(ledger, held):
            yield name, before.node, held.claim.node


def _holders_before(ledger: LedgerSnapshot, held: HeldClaim) -> Iterator[Claim]:
    """The earlier states of a claim that another node wrote. Each takeover is a child of what it took."""
    if held.claim.epoch == 1:
        return
    oid = held.oid
    try:
        for _ in range(MAX_STATES):
            commit = load_commit(ledger.store, oid)
            entry = find(ledger.store, commit.tree, CLAIM_FILE)
            claim = read_claim(ledger.store.get(entry.oid, MAX_CLAIM_BYTES)) if entry else held.claim
            if claim.node != held.claim.node:
                yield claim
            if not commit.parents:
                return
            oid = commit.parents[0]
    except (BadClaim, ObjectMissing, LookupError, ValueError):
        return  # who wrote that is for others to say


def successors_text(missions: Mapping[str, str]) -> str:
    """In words where the work went; empty where there is none."""
    by_node: dict[str, list[str]] = {}
    for mission, node in missions.items():
        by_node.setdefault(node, []).append(mission)
    each = (f"{node} ({', '.join(sorted(names)[:3])}{', …' * (len(names) > 3)})" for node, names in by_node.items())
    return f"its work went to {', '.join(each)}" if by_node else ""
