"""Turns at a file: one at a time, whoever asks, in this process and in others, also with those who use filelock."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from sync.disk.file_turn import file_turn

HOLDER = """
import sys
from pathlib import Path
from sync.disk.file_turn import file_turn
with file_turn(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_threads_take_turns(tmp_path: Path) -> None:
    """Of eight threads with a turn each time, never two are within."""
    within, most = 0, 0

    def work() -> None:
        nonlocal within, most
        for _ in range(5):
            with file_turn(tmp_path / "lock"):
                within += 1
                most = max(most, within)
                (tmp_path / "work").write_text("x")
                within -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, within) == (1, 0)


def test_processes_take_turns_also_with_filelock(tmp_path: Path) -> None:
    """What another process holds is held for filelock; when it is killed the next one has it."""
    lock = tmp_path / "lock"
    words = [sys.executable, "-c", HOLDER, str(lock)]
    other = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(Timeout), FileLock(lock, timeout=0):
        pass
    other.kill()
    other.communicate()
    with file_turn(lock), pytest.raises(Timeout), FileLock(lock, timeout=0):
        pass
    with FileLock(lock, timeout=0):
        pass


def test_who_waits_gets_it_when_it_is_free(tmp_path: Path) -> None:
    """A turn that is taken while filelock holds the file begins when it lets go."""
    order: list[str] = []

    def wait() -> None:
        asked.set()
        with file_turn(tmp_path / "lock"):
            order.append("second")

    asked, waiter = threading.Event(), threading.Thread(target=wait)
    with FileLock(tmp_path / "lock"):
        waiter.start()
        asked.wait()
        order.append("first")
    waiter.join()
    assert order == ["first", "second"]


def test_an_error_within_lets_it_go(tmp_path: Path) -> None:
    """The next one does not wait for a block that ended with an error."""
    with pytest.raises(ZeroDivisionError), file_turn(tmp_path / "lock"):
        raise ZeroDivisionError
    with FileLock(tmp_path / "lock", timeout=0):
        assert (tmp_path / "lock").exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Whoever may write into the folder cannot have another file locked, or made."""
    (tmp_path / "lock").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="lock"), file_turn(tmp_path / "lock"):
        pass
    assert not (tmp_path / "target").exists()
