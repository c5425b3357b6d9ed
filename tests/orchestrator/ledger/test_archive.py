"""What is told of finished missions by a look at one line is what their files say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from missions.document import with_fields
from orchestrator.ledger.archive import finished_text

WHEN = datetime(2026, 11, 29, 18, 30, 32, tzinfo=UTC)


def test_the_end_is_read_as_nodes_write_it() -> None:
    """The writer of nodes' fields quotes a time; the line's reader gives the time itself."""
    text = with_fields("---\ntitle: x\n---\nDo it.\n", {"status": "done", "finished": "2026-11-29T18:30:32Z"})
    assert datetime.fromisoformat(finished_text(text.encode()).decode()) == WHEN


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_a_persons_spelling_is_read_too(quote: str) -> None:
    """Quoted or not, with either line end."""
    text = f"---\r\nfinished: {quote}2026-11-29T18:30:32Z{quote}\r\n---\r\nx"
    assert datetime.fromisoformat(finished_text(text.encode()).decode()) == WHEN


@pytest.mark.parametrize("line", ["finished: [1]\nx: y", "Finished: 2026", "x: finished: 2026", ""])
def test_what_is_written_otherwise_is_not_told(line: str) -> None:
    """No line of nodes, or one in the text below: it is left to the reader of whole files."""
    told = finished_text(f"---\n{line}\n---\nfinished: 2026-11-29T18:30:32Z\n".encode())
    assert told in (b"", b"[1]")  # of a list nobody makes a time
