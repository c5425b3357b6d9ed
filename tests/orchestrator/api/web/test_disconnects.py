"""Is it noticed at once when a caller hangs up, and only then?"""

from __future__ import annotations

import select
import socket
import threading

import pytest

from orchestrator.api.web.disconnects import DisconnectWatcher
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="without epoll nothing is watched")


class Over(Exception):
    """Ends the thread that looks."""


class Told:
    """Stands in for the kernel, which tells of one connection, and then nothing more."""

    def __init__(self, number: int) -> None:
        self._events = [[(number, select.EPOLLRDHUP)]]

    def poll(self) -> list[tuple[int, int]]:
        """What is new."""
        if not self._events:
            raise Over
        return self._events.pop()


def test_who_hangs_up_is_noticed_once() -> None:
    """A closed connection calls back; one that is no longer watched does not."""
    watcher, gone = DisconnectWatcher(), threading.Event()
    here, there = socket.socketpair()
    with here, there:
        with watcher.watching(here, gone.set):
            assert not gone.wait(0.05)
            there.close()
            assert gone.wait(PATIENCE)
        gone.clear()
        assert not gone.wait(0.05)


def test_a_late_word_about_another_connection_ends_nobodys_answer() -> None:
    """An event is heard when its connection is closed already and the number is somebody else's, who is still there."""
    watcher, gone = DisconnectWatcher(), list[int]()
    here, there = socket.socketpair()
    with here, there:
        number = here.fileno()
        watcher._calls[number] = lambda: gone.append(number)
        with pytest.raises(Over):
            watcher._look(Told(number))  # type: ignore[arg-type]  # all that is used of epoll
        assert gone == []
        there.close()
        with pytest.raises(Over):
            watcher._look(Told(number))  # type: ignore[arg-type]
        assert gone == [number]
