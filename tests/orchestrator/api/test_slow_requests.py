"""Which requests get a thread, and who gives way to whom?"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from werkzeug.exceptions import ServiceUnavailable

from orchestrator.api.slow_requests import GATHERED_BYTES, Gathering, SlowReaders, is_gathered

HEAD = b"POST / HTTP/1.1\r\nHost: a"


@dataclass(eq=False)
class Connection:
    """A stand-in for gunicorn's."""

    client: tuple[str, int]


@pytest.mark.parametrize(
    ("read", "there"),
    [
        (b"", False),
        (HEAD, False),
        (HEAD + b"\r\n\r", False),
        (HEAD + b"\r\n\r\n", True),
        (HEAD + b"\r\nContent-Length: 3\r\n\r\nab", False),
        (HEAD + b"\r\nContent-Length: 3\r\n\r\nabc", True),
        (HEAD + b"\r\ncontent-length:3 \r\n\r\nab", False),
        (HEAD + b"\r\nContent-Length: 99999\r\n\r\nab", True),  # a thread reads what is large
        (HEAD + b"\r\nContent-Length: " + b"9" * 50 + b"\r\n\r\n", True),
        (HEAD + b"\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (HEAD + b"\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", True),
        (HEAD + b"\r\nX: Content-Length: 3\r\n\r\n", True),
        (HEAD + b"\r\n\r\n\r\nContent-Length: 3\r\n\r\n", True),  # in the body it says nothing
        (b"x" * GATHERED_BYTES, True),  # the parser says that it is too long
    ],
)
def test_a_thread_gets_what_is_there(read: bytes, there: bool) -> None:
    """A whole head with its small body; a head alone where the body is large, untold, or waits to be asked for."""
    assert is_gathered(read) is there


def test_the_oldest_of_an_address_gives_way_first() -> None:
    """Past its roof an address loses its own oldest one; past the whole roof the oldest of all goes."""
    waiting = Gathering(total=4, each=2, seconds=10)
    mine, yours = [Connection(("a", n)) for n in range(3)], [Connection(("b", n)) for n in range(2)]
    assert [waiting.add(each, now) for now, each in enumerate([yours[0], *mine])] == [None, None, None, mine[0]]
    waiting.remove(mine[0])
    assert waiting.add(yours[1], 4) is None
    assert waiting.add(Connection(("c", 1)), 5) is yours[0]


def test_a_deadline_counts_from_the_first_byte_on() -> None:
    """More of the same request is no new beginning; what was taken out is not late."""
    waiting, one = Gathering(total=4, each=2, seconds=10), Connection(("a", 1))
    waiting.add(one, 0)
    waiting.add(one, 9)
    assert waiting.late(9.9) == []
    assert waiting.late(10) == [one]
    waiting.remove(one)
    waiting.remove(one)
    assert waiting.late(99) == []


def test_so_many_threads_wait_for_slow_bodies() -> None:
    """One address holds its share, all together theirs, and each gives its place back."""
    readers = SlowReaders(total=2, each=1)
    with readers.waiting("a"):
        with pytest.raises(ServiceUnavailable), readers.waiting("a"):
            pass
        with readers.waiting("b"), pytest.raises(ServiceUnavailable), readers.waiting("c"):
            pass
    with readers.waiting("a"), readers.waiting("c"):
        pass
