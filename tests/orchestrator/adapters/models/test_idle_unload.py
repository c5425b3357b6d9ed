"""A model that nobody uses is unloaded, and takes up again what it had read."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil
import pytest

from orchestrator.adapters.models.idle_unload import IdleUnload
from orchestrator.adapters.models.model_file import ModelFile
from orchestrator.adapters.models.slots import Slots
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.core.ports.model import Generation, Prompt, PromptMessage
from tests.waiting import PATIENCE, until

FACTS = " ".join(f"The tool number {n} is kept in drawer {n * 7 % 13}." for n in range(22))


class Clock:
    """Seconds that go by when a test says so, and how often somebody looked."""

    def __init__(self) -> None:
        self.now, self.looks = 0.0, 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now

    def looked(self, times: int = 3) -> None:
        """Waits until the timer has looked so often since."""
        seen = self.looks + times
        until(lambda: self.looks >= seen, "it looks again")


def test_it_is_let_go_once_and_only_when_it_rests() -> None:
    """Each use puts that off; later uses have it loaded and let go again."""
    gone: list[int] = []
    clock = Clock()
    idle = IdleUnload(0.01, lambda: gone.append(1) is None, clock=clock)
    for _ in range(5):
        idle.used()
        clock.now += 0.009
        clock.looked()
        assert not gone
    clock.now += 0.002
    until(lambda: gone and idle._timer is None, "it is let go, and nobody looks any more")
    assert len(gone) == 1
    idle.used()
    clock.now += 1
    until(lambda: len(gone) == 2, "it is let go again")


def test_what_is_busy_is_asked_again() -> None:
    """Until it is free."""
    answers = iter([False, False, True])
    asked: list[bool] = []

    def unload() -> bool:
        asked.append(next(answers))
        return asked[-1]

    IdleUnload(0.01, unload).used()
    until(lambda: asked == [False, False, True])


def test_never_means_never() -> None:
    """0 starts no timer, and stopping ends one."""
    idle = IdleUnload(0, lambda: True)
    idle.used()
    assert idle._timer is None
    gone: list[int] = []
    idle = IdleUnload(600, lambda: not gone.append(1))
    idle.used()
    timer = idle._timer
    assert timer is not None
    idle.stop()
    timer.join(PATIENCE)
    assert (timer.is_alive(), gone, idle._timer) == (False, [], None)


def test_places_are_taken_all_or_none() -> None:
    """While one of them is used nothing is taken."""
    places = Slots(2)
    one = places.take("a", threading.Event())
    assert one is not None
    assert places.take_all() is None
    places.give(one)
    taken = places.take_all()
    assert taken is not None
    assert len(taken) == 2
    assert places.take_all() is None


@pytest.mark.model
def test_the_embedded_model_gives_its_memory_back(gguf: Path, tmp_path: Path) -> None:
    """Its process has it, and goes; the next turn of a conversation reads from disk what was read before."""
    before = psutil.Process().memory_info().rss
    model = XLlamaCpp(ModelFile(path=gguf), context_tokens=1024, slots=1, scratch=tmp_path, idle_seconds=0.3)
    model._idle.clock = clock = Clock()

    def ask(*said: str) -> Generation:
        messages = [
            PromptMessage(role="user", content=FACTS),
            *(PromptMessage(role="user", content=one) for one in said),
        ]
        prompt = Prompt(messages=tuple(messages), max_tokens=2, conversation="c")
        return model.generate(prompt, on_text=lambda text: None, stop=threading.Event())

    try:
        ask()
        engine = model._engine
        assert engine is not None
        process = engine.process
        assert psutil.Process(process.pid).memory_info().rss > gguf.stat().st_size > 30 * 2**20
        assert psutil.Process().memory_info().rss - before < 30 * 2**20
        del engine
        clock.now += 1
        until(lambda: model._engine is None and process.poll() is not None, "it is unloaded")
        model.warm((PromptMessage(role="user", content=FACTS),))
        assert model._engine is None, "reading ahead loads what nobody asks for"
        assert ask("And number 3?").usage.tokens_cached > 100
    finally:
        model.close()
