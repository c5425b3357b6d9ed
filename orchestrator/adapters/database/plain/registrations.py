"""What did each node tell headquarters last? Their registrations in a database; the table is `RegistrationRow`.

Each node reports once a minute, so headquarters' server takes it in without SQLAlchemy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.adapters.database.plain.column_values import (
    moment_value,
    name_value,
    read_moment,
    read_text,
    text_value,
)
from orchestrator.adapters.database.plain.statements import Transactions
from orchestrator.core.errors import OutdatedReport, WrongSetting
from orchestrator.core.ports.registrations import KEPT_REGISTRATION, MAX_REGISTRATIONS, Registration

FORGET = "DELETE FROM node_registrations WHERE received < :before"
KNOWN = "SELECT number, first FROM node_registrations WHERE node = :node"
COUNT = "SELECT count(*) FROM node_registrations"
ADD = """
INSERT INTO node_registrations (node, number, report, first, received)
VALUES (:node, :number, :report, :received, :received)"""
RENEW = """
UPDATE node_registrations SET number = :number, report = :report, received = :received WHERE node = :node"""
EVERY = "SELECT node, number, report, first, received FROM node_registrations ORDER BY node"


@dataclass(frozen=True, kw_only=True)
class SqlRegistrations:
    """ports.Registrations in a database."""

    database: Transactions

    def put(self, node: str, number: int, report: str, when: datetime) -> Registration:
        """Takes one in. Raises OutdatedReport, WrongSetting, and GlobalStateRefused where this node may not."""
        with self.database.writing() as sql:
            told = {"node": name_value(node), "report": text_value(report), "received": moment_value(when)}
            sql.hold("registrations")
            sql(FORGET, before=moment_value(when - KEPT_REGISTRATION))
            known = sql(KNOWN, node=told["node"])
            if known and number <= known[0][0]:
                raise OutdatedReport(known[0][0])
            if not known and sql(COUNT)[0][0] >= MAX_REGISTRATIONS:
                raise WrongSetting("node", f"{MAX_REGISTRATIONS} nodes are registered, and no more are taken")
            sql(RENEW if known else ADD, number=number, **told)
        first = read_moment(known[0][1]) if known else when
        return Registration(node=node, number=number, report=report, first=first, received=when)

    def every(self) -> tuple[Registration, ...]:
        """All of them."""
        with self.database.reading() as sql:
            return tuple(_registration(*row) for row in sql(EVERY))


def _registration(node: str, number: int, report: str, first: str, received: str) -> Registration:
    return Registration(
        node=node,
        number=number,
        report=read_text(report),
        first=read_moment(first),
        received=read_moment(received),
    )
