"""Which results did the server accept? Read off the moves of the nodes' logs, each with the claim that moved too."""

from __future__ import annotations

from dataclasses import dataclass

from missions.lease import Claim
from tests.acceptance.torture.history import CLAIM, LOG, History, Push


@dataclass(frozen=True, kw_only=True)
class Result:
    """A record that the server took in on a node's log. `closing` is the claim that was closed with it."""

    mission: str
    epoch: int
    node: str
    log: str
    push: Push
    closing: Claim | None


def results(history: History) -> list[Result]:
    """Every record on every node's log, in the order in which the server took them in."""
    found: list[Result] = []
    for push, move in history.moves(LOG):
        here, new = move.new, list[str]()
        while here is not None and here != move.old:
            new.append(here)
            here = next(iter(history.logs[here].parents), None)
        node = move.ref.removeprefix(LOG)
        for oid in reversed(new):
            said = history.logs[oid]
            closing = _closed_with(history, push, said.mission, oid)
            found.append(Result(mission=said.mission, epoch=said.epoch, node=node, log=oid, push=push, closing=closing))
    return found


def _closed_with(history: History, push: Push, mission: str, log: str) -> Claim | None:
    move = push.move(CLAIM + mission)
    commit = history.claims.get(move.new) if move and move.new else None
    claim = commit.claim if commit else None
    return claim if claim and claim.closed and claim.log == log else None
