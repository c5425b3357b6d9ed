"""Whose message reaches a mission? That of whoever may file missions, and of nobody else: a message is an order."""

from __future__ import annotations

from missions.message import MAX_MESSAGES, MessageAnswer
from missions.one_line import printable
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.steering.messages import FiledMessage
from orchestrator.policy.authorization import FILING_ROLES, Trust
from sync.objects import load_commit


def message_author(trust: Trust, ledger: LedgerSnapshot, filed: FiledMessage) -> str:
    """Who says it, if they may; empty for a message that counts as none."""
    if ledger.charter.trust.missions == "remote":
        return printable(load_commit(ledger.store, filed.commit).author) or "somebody who may push"
    principal = trust.signer(ledger, filed.commit)
    return principal.name if principal is not None and principal.roles & FILING_ROLES else ""


def believed_answer(trust: Trust, ledger: LedgerSnapshot, filed: FiledMessage) -> MessageAnswer | None:
    """The answer to a message, if the node that gives it signed it: what anybody else wrote there is none."""
    answer = filed.answer
    if answer is None or ledger.charter.trust.missions == "remote":
        return answer
    signer = trust.signer(ledger, filed.oid)
    return answer if signer is not None and "node" in signer.roles and signer.name == answer.node else None


def counted_messages(
    trust: Trust, ledger: LedgerSnapshot, filed: list[FiledMessage], *, epoch: int
) -> list[tuple[FiledMessage, str]]:
    """Those of a mission's messages that an attempt of this epoch is told, each with who said it.

    A message that speaks of an attempt which is yet to come was made up; past MAX_MESSAGES nobody is heard.
    """
    spoken = ((one, message_author(trust, ledger, one)) for one in filed if one.message.epoch <= epoch)
    return [(one, who) for one, who in spoken if who][:MAX_MESSAGES]
