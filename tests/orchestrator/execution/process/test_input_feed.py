"""Is a running command written to without anybody waiting for it, and is nothing left when it is over?"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from orchestrator.execution.process.input_feed import MAX_WAITING_BYTES, InputFeed
from orchestrator.execution.process.runner import CommandResult, Ending, run
from tests.waiting import PATIENCE, until


def ran(tmp_path: Path, line: str, feed: InputFeed, *, timeout: float = PATIENCE) -> CommandResult:
    """A shell line with this input."""
    return run(
        ["/bin/sh", "-c", line],
        folder=tmp_path,
        environment={"PATH": os.environ["PATH"]},
        output=tmp_path / "output.log",
        timeout=timeout,
        stop=threading.Event(),
        say=lambda _line: None,
        feed=feed,
    )


def test_the_command_reads_what_comes_and_then_the_end(tmp_path: Path) -> None:
    """Lines before its start and while it runs; the end of its input when the feed is finished."""
    with InputFeed(b"one\n") as feed:
        later = threading.Timer(0.2, lambda: (feed.write(b"two\n"), feed.finish()))
        later.start()
        done = ran(tmp_path, "cat; echo over", feed)
        later.join()
    assert done.output == "one\ntwo\nover\n"
    assert not feed.write(b"three\n")


def test_a_command_that_never_reads_holds_nobody(tmp_path: Path) -> None:
    """More than a pipe holds is written, and the command ends by itself, or by its time; no thread is left."""
    before = set(threading.enumerate())
    with InputFeed(b"x" * 10_000_000) as feed:
        done = ran(tmp_path, "exit 3", feed)
        assert (done.ending, done.exit_code) == (Ending.EXIT, 3)
    with InputFeed(b"x" * 10_000_000) as feed:
        assert ran(tmp_path, "sleep 1000", feed, timeout=0.5).ending is Ending.TIMEOUT
    assert not set(threading.enumerate()) - before


def test_what_waits_is_bounded() -> None:
    """One line may be longer, as a prompt is; what finds no room is not on its way, and what is read makes room."""
    with InputFeed(b"x" * (MAX_WAITING_BYTES + 1)) as feed:
        assert not feed.write(b"y")
        left = MAX_WAITING_BYTES + 1
        while left:
            left -= len(os.read(feed.reading, min(left, 1 << 20)))
        until(lambda: feed.write(b"y" * 1000), "the thread says that it wrote the last of it")
        assert os.read(feed.reading, 1) == b"y"
        taken = 0
        while feed.write(b"z" * 1_000_000):
            taken += 1
        assert taken <= MAX_WAITING_BYTES // 1_000_000 + 1


def test_a_feed_that_was_never_read_is_closed(tmp_path: Path) -> None:
    """Where the command could not be started."""
    with InputFeed(b"x" * 1_000_000) as feed:
        assert feed.write(b"y")
    assert not feed.write(b"z")
