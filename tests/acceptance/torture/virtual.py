"""How can many nodes run as one program whose every step is chosen by a seed?

Each actor is a thread, but only one runs at a time: it holds the baton until it sleeps, waits or speaks to the remote.
The loop then hands the baton to whoever is due next, ties decided by the seed. So one seed is one history, always the
same, and time is a number that jumps. Product code runs in it unchanged: its `threading` and its sleeps are given.
"""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace


class Killed(BaseException):
    """This actor's process was killed: nothing that it would still do happens."""


@dataclass(eq=False)
class Actor:
    """One thread of one process (`group`)."""

    name: str
    group: str
    body: Callable[[], object]
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ticket: int = 0
    """The only entry of the agenda that still counts for it."""
    due: float = 0.0
    killed: bool = False
    over: bool = False
    failed: BaseException | None = None


class Loop:
    """The baton and the clock."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.chance = Random(seed)
        self.actors: list[Actor] = []
        self._agenda: list[tuple[float, float, int, Actor]] = []
        self._tickets = 0
        self._current: Actor | None = None
        self._back = threading.Semaphore(0)
        self._frozen: dict[str, float] = {}

    @property
    def group(self) -> str:
        """The process that runs now."""
        return self._current.group if self._current else ""

    def spawn(self, name: str, group: str, body: Callable[[], object]) -> Actor:
        """A new actor, due now."""
        actor = Actor(name=name, group=group, body=body)
        self.actors.append(actor)
        threading.Thread(target=self._live, args=(actor,), name=name, daemon=True).start()
        self._enter(actor, self.now)
        return actor

    def sleep(self, seconds: float) -> None:
        """The actor that runs now goes on after so many seconds. Raises Killed."""
        actor = self._current
        assert actor is not None
        if actor.killed:
            raise Killed
        self._enter(actor, self.now + max(0.0, seconds))
        self._back.release()
        actor.turn.acquire()
        if actor.killed:
            raise Killed

    def rouse(self, actor: Actor) -> None:
        """Whoever sleeps wakes up now."""
        if not actor.over and actor.due > self.now:
            self._enter(actor, self.now)

    def kill(self, group: str) -> None:
        """Ends every actor of a process where it stands."""
        self._frozen.pop(group, None)
        for actor in self.actors:
            if actor.group == group and not actor.over:
                actor.killed = True
                self._enter(actor, self.now)

    def freeze(self, group: str, seconds: float) -> None:
        """A process stands still; what it would have done in the meantime it does afterwards."""
        self._frozen[group] = self.now + seconds

    def run(self, until: float) -> None:
        """Lets time pass. Raises what an actor raised, if that was no SystemExit of its own."""
        while self._agenda and self._agenda[0][0] <= until:
            due, _, ticket, actor = heapq.heappop(self._agenda)
            if ticket != actor.ticket or actor.over:
                continue
            thaws = self._frozen.get(actor.group, 0.0)
            if thaws > due and not actor.killed:
                self._enter(actor, thaws)
                continue
            self.now = max(self.now, due)
            self._current = actor
            actor.turn.release()
            self._back.acquire()
            self._current = None
            if actor.over:
                self.actors.remove(actor)
            if actor.failed is not None:
                raise actor.failed
        self.now = until

    def end(self) -> None:
        """Ends every actor."""
        for group in {actor.group for actor in self.actors}:
            self.kill(group)
        self.run(self.now)

    def _enter(self, actor: Actor, due: float) -> None:
        self._tickets += 1
        actor.ticket, actor.due = self._tickets, due
        heapq.heappush(self._agenda, (due, self.chance.random(), self._tickets, actor))

    def _live(self, actor: Actor) -> None:
        actor.turn.acquire()
        try:
            if not actor.killed:
                actor.body()
        except Killed:
            pass
        except BaseException as error:
            actor.failed = error
        actor.over = True
        self._back.release()


class Event:
    """threading.Event in a loop's time."""

    def __init__(self, loop: Loop) -> None:
        self._loop, self._set, self._waiting = loop, False, list[Actor]()

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._set

    def set(self) -> None:
        """Wakes whoever waits."""
        self._set = True
        for actor in self._waiting:
            self._loop.rouse(actor)

    def clear(self) -> None:
        """Unsets it."""
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it is set or the time is over."""
        actor = self._loop._current
        assert actor is not None
        if not self._set:
            self._waiting.append(actor)
            try:
                self._loop.sleep(math.inf if timeout is None else timeout)
            finally:
                self._waiting.remove(actor)
        return self._set


class Thread:
    """threading.Thread in a loop's time; its process is the one that starts it."""

    def __init__(self, loop: Loop, target: Callable[[], object], name: str) -> None:
        self._loop, self._target, self.name = loop, target, name
        self._actor: Actor | None = None

    def start(self) -> None:
        """Starts it."""
        self._actor = self._loop.spawn(self.name, self._loop.group, self._target)

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._actor is not None and not self._actor.over

    def join(self, timeout: float | None = None) -> None:
        """Waits until it is over."""
        ends = self._loop.now + (math.inf if timeout is None else timeout)
        while self.is_alive() and self._loop.now < ends:
            self._loop.sleep(0.1)


def threads(loop: Loop) -> SimpleNamespace:
    """What stands in for the module `threading`."""

    def thread(*, target: Callable[[], object], name: str = "", daemon: bool = True) -> Thread:
        return Thread(loop, target, name)

    return SimpleNamespace(Thread=thread, Event=lambda: Event(loop), Lock=threading.Lock)


@contextmanager
def replaced(*places: tuple[object, str, object]) -> Iterator[None]:
    """Attributes of modules and classes replaced while the block runs."""
    before = [(place, name, getattr(place, name)) for place, name, _ in places]
    for place, name, value in places:
        setattr(place, name, value)
    try:
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)
