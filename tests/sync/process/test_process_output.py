"""What a process prints is read up to a roof and for so long, and none outlives that with its helpers."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sync.process.process_output import communicate, kill_group, read_beginning
from tests.waiting import PATIENCE, until

Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts lines of shell, each in a group of its own; ends what is left."""
    begun: list[subprocess.Popen[bytes]] = []

    def make(line: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        words = ["/bin/sh", "-c", line]
        begun.append(subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True))
        return begun[-1]

    yield make
    for each in begun:
        kill_group(each)


def never() -> bool:
    return False


def soon() -> float:
    return time.monotonic() + PATIENCE


def test_all_is_read_of_what_ends(start: Start) -> None:
    """With what it was given to read, to the byte where the roof is its length."""
    process = start("cat")
    assert read_beginning(process, b"x" * 1000, 1000, soon(), never) == (b"x" * 1000, False)
    assert process.returncode == 0


def test_more_than_the_roof_is_cut_and_told(start: Start) -> None:
    """One that prints for ever is not waited for."""
    found, more = read_beginning(start("yes"), b"", 5000, soon(), never)
    assert (len(found), more) == (5000, True)


def test_one_that_reads_nothing_is_read_all_the_same(start: Start) -> None:
    """It has shut its input before all was written: that is no trouble of the reader."""
    process = start("exec 0<&-; echo told")
    until(lambda: process.poll() is not None, "it has ended")
    assert read_beginning(process, b"x" * 1_000_000, 100, soon(), never) == (b"told\n", False)


@pytest.mark.parametrize("how", ["late", "stopped"])
def test_one_that_says_nothing_is_given_up(start: Start, how: str) -> None:
    """When its time is over, or when somebody calls it off."""
    over = time.monotonic() - 1 if how == "late" else soon()
    with pytest.raises(TimeoutError):
        read_beginning(start("sleep 1000"), b"", 100, over, lambda: how == "stopped")


def test_a_long_command_is_called_off_between_two_looks(start: Start) -> None:
    """Without an end of its own, and although it has written."""
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) == 2

    with pytest.raises(subprocess.TimeoutExpired):
        communicate(start("echo begun; sleep 1000"), b"", PATIENCE, stopped)
    assert len(asked) == 2


def test_a_command_that_takes_longer_than_a_look_is_fed_and_drained_whole(start: Start) -> None:
    """What the first look did not write the next one does; nothing is written twice."""
    data = b"0123456789" * 50_000
    process = start("sleep 0.5; cat; echo end >&2")
    assert communicate(process, data, PATIENCE, never) == (data, b"end\n")


def test_one_that_prints_before_it_has_read_all_is_read(start: Start) -> None:
    """Each would wait for the other, were all of its input written before its output is looked at."""
    data = b"x" * 1_000_000
    assert read_beginning(start("cat"), data, 2_000_000, soon(), never) == (data, False)


def test_helpers_end_with_it(start: Start, tmp_path: Path) -> None:
    """Also those that hold its output open, which would keep whoever reads it waiting."""
    known = tmp_path / "pid"
    process = start(f"sh -c 'echo $$ > {known}.new; mv {known}.new {known}; exec sleep 1000' & wait")
    until(known.exists, "the helper runs")
    helper = psutil.Process(int(known.read_text()))
    kill_group(process)
    until(lambda: _ended(helper), "the helper is gone")
    assert process.returncode != 0
    kill_group(process)  # once more does no harm


def _ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # nobody may have reaped it yet
    except psutil.NoSuchProcess:
        return True
