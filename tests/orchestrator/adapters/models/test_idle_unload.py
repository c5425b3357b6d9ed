"""A model that nobody uses is unloaded, and takes up again what it had read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orchestrator.adapters.models.idle_unload import IdleUnload
from orchestrator.adapters.models.model_file import ModelFile
from orchestrator.adapters.models.slots import Slots
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.core.ports.model import Generation, Prompt, PromptMessage

FACTS = " ".join(f"The tool number {n} is kept in drawer {n * 7 % 13}." for n in range(22))


def wait_for(test: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it becomes true in time."""
    over = time.monotonic() + seconds
    while not test() and time.monotonic() < over:
        time.sleep(0.005)
    return test()


def test_it_is_let_go_once_and_only_when_it_rests() -> None:
    """Each use puts that off; later uses have it loaded and let go again."""
    gone: list[float] = []
    idle = IdleUnload(0.08, lambda: gone.append(time.monotonic()) is None)
    for _ in range(5):
        idle.used()
        time.sleep(0.03)
        assert not gone
    last = time.monotonic()
    assert wait_for(lambda: len(gone) == 1)
    assert gone[0] >= last
    time.sleep(0.12)
    assert len(gone) == 1
    idle.used()
    assert wait_for(lambda: len(gone) == 2)


def test_what_is_busy_is_asked_again() -> None:
    """Until it is free."""
    answers = iter([False, False, True])
    asked: list[bool] = []

    def unload() -> bool:
        asked.append(next(answers))
        return asked[-1]

    IdleUnload(0.01, unload).used()
    assert wait_for(lambda: asked == [False, False, True])


def test_never_means_never() -> None:
    """0 starts no timer, and stopping ends one."""
    before = threading.active_count()
    IdleUnload(0, lambda: True).used()
    assert threading.active_count() == before
    gone: list[int] = []
    idle = IdleUnload(0.05, lambda: not gone.append(1))
    idle.used()
    idle.stop()
    time.sleep(0.1)
    assert not gone


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
        assert wait_for(lambda: model._engine is None and process.poll() is not None)
        model.warm((PromptMessage(role="user", content=FACTS),))
        assert model._engine is None, "reading ahead loads what nobody asks for"
        assert ask("And number 3?").usage.tokens_cached > 100
    finally:
        model.close()
