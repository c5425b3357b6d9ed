"""Operations with a number of their device, instead of those whose meaning nobody knew; old ones become such."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OLD_STORE = "~old"
PIECE_CHARACTERS = 200_000
"""Characters of an old operation that one new one keeps."""
COUNTER = 100_000


def upgrade() -> None:
    """The step."""
    made = op.create_table(
        "operations",
        sa.Column("arrival", BIG, nullable=False),
        sa.Column("device", sa.String(100), nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("entity", sa.String(100), nullable=False),
        sa.Column("register", sa.String(250), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("arrival"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_operations_device", "operations", ["device", "seq"], unique=True)
    op.create_index("ix_operations_entity", "operations", ["entity"])
    _carry_over(made)
    op.drop_table("sync_ops")
    op.add_column("messages", sa.Column("operation", sa.String(100), nullable=True))


def _carry_over(made: sa.Table) -> None:
    """Each old row as one or more texts in a list `old/sync`, numbered within its device."""
    old = sa.table("sync_ops", *(sa.column(name) for name in ("seq", "op_id", "device", "hlc", "kind", "body")))
    numbers: dict[str, int] = {}
    connection = op.get_bind()
    for row in connection.execute(sa.select(old).order_by(old.c.seq)).mappings().all():
        device = str(row["device"])[:64] + OLD_STORE
        whole = json.dumps({name: row[name] for name in ("op_id", "device", "hlc", "kind", "body")}, sort_keys=True)
        for at in range(0, len(whole), PIECE_CHARACTERS):
            number = numbers[device] = numbers.get(device, 0) + 1
            wall, counter = divmod(number, COUNTER)
            words = {
                "base": "",
                "device": device,
                "entity": "old/sync",
                "field": "operation",
                "hlc": f"{wall:015d}-{counter:05d}-{device}",
                "kind": "append",
                "resolves": [],
                "seq": number,
                "value": whole[at : at + PIECE_CHARACTERS],
            }
            text = json.dumps(words, ensure_ascii=False, separators=(",", ":"))
            connection.execute(
                made.insert().values(device=device, seq=number, entity="old/sync", size=len(text), op=text)
            )
