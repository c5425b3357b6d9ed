"""Facts about what the embedded model keeps of conversations: in memory, on disk, and of none but its own."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.models import slots as slots_module
from orchestrator.adapters.models.kv_cache_files import FOLDER_PREFIX, KvCacheFiles, KvCacheNote, head_hash
from orchestrator.adapters.models.model_file import ModelFile
from orchestrator.adapters.models.slots import Slots
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.core.ports.model import Prompt, PromptMessage, Usage
from tests.waiting import PATIENCE

FACTS = " ".join(f"The tool number {n} is kept in drawer {n * 7 % 13}." for n in range(26))
NEVER = threading.Event()


@pytest.fixture(scope="module")
def model(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[XLlamaCpp]:
    """The embedded model with two slots and a folder of its own for what it keeps."""
    found = XLlamaCpp(ModelFile(path=gguf), context_tokens=1024, scratch=tmp_path_factory.mktemp("scratch"))
    yield found
    found.close()


def turn(model: XLlamaCpp, conversation: str, known: str = FACTS, question: str = "Where is tool 3?") -> Usage:
    """What a short answer took."""
    messages = PromptMessage(role="system", content=known), PromptMessage(role="user", content=question)
    asked = Prompt(messages=messages, max_tokens=3, conversation=conversation)
    return model.generate(asked, on_text=lambda _: None, stop=NEVER).usage


@pytest.mark.model
def test_more_conversations_than_slots(model: XLlamaCpp) -> None:
    """Three conversations take turns in two slots; none reads again what it had read."""
    names = ["one", "two", "three"]
    for name in names:
        turn(model, name, known=f"{name}. {FACTS}")
    for name in names * 2:
        used = turn(model, name, known=f"{name}. {FACTS}", question="And tool 5?")
        assert used.tokens_cached > 0.85 * used.tokens_in, name


@pytest.mark.model
def test_new_conversation_with_a_known_beginning(model: XLlamaCpp) -> None:
    """A conversation that begins as another one did need not read that again, in whichever slot it lands."""
    first = turn(model, "a", known=f"Shared. {FACTS}")
    assert first.tokens_cached < 0.1 * first.tokens_in
    for name in ("b", "c", "d"):
        used = turn(model, name, known=f"Shared. {FACTS}", question=f"{name}: where is tool 7?")
        assert used.tokens_cached > 0.85 * used.tokens_in, name


@pytest.mark.model
def test_two_at_once(model: XLlamaCpp) -> None:
    """Two conversations are answered at the same time, each in its slot."""
    both = threading.Barrier(2, timeout=PATIENCE)

    def long(name: str) -> None:
        seen: list[str] = []

        def heard(text: str) -> None:
            if not seen:
                both.wait()
            seen.append(text)

        messages = (PromptMessage(role="user", content=f"{name}: tell me a story."),)
        asked = Prompt(messages=messages, max_tokens=40, conversation=name)
        model.generate(asked, on_text=heard, stop=NEVER)

    threads = [threading.Thread(target=long, args=(name,)) for name in ("left", "right")]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert not both.broken


@pytest.mark.model
def test_files_are_private_and_go(gguf: Path, tmp_path: Path) -> None:
    """What is kept on disk can be read by its owner only, goes with the model, and after a crash with the next one."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f"{FOLDER_PREFIX}{dead.pid}-x").mkdir()
    (tmp_path / f"{FOLDER_PREFIX}{os.getpid()}-mine").mkdir()
    model = XLlamaCpp(ModelFile(path=gguf), context_tokens=1024, scratch=tmp_path)
    turn(model, "x")
    names = [each for each in tmp_path.iterdir() if not each.name.endswith("-mine")]
    assert [each.stat().st_mode & 0o777 for each in names] == [0o700]
    assert list(names[0].glob("*.state"))
    model.close()
    assert [each.name for each in tmp_path.iterdir()] == [f"{FOLDER_PREFIX}{os.getpid()}-mine"]


def note(size: int, beginning: str = "h") -> KvCacheNote:
    """A note."""
    return KvCacheNote(model="m", head=beginning, tokens=1, size=size)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 60)), max_size=30))
def test_room(writes: list[tuple[str, int]]) -> None:
    """Whatever is written, what is kept fits, but for the newest alone; the newest is always there."""
    states = KvCacheFiles(room=100)
    try:
        for key, size in writes:
            states.path(key).write_bytes(b"x" * size)
            states.keep(key, note(size))
            there = list(states.folder.iterdir())
            assert len(there) == 1 or sum(each.stat().st_size for each in there) <= 100
            assert states.note(key) == note(size)
    finally:
        states.close()


def test_donor() -> None:
    """A conversation starts from its own state if that still begins as it does, else from the newest that does."""
    states = KvCacheFiles()
    for key, beginning in (("a", "old"), ("b", "new"), ("c", "new")):
        states.keep(key, note(1, beginning))
    assert states.source_key("a", "old") == "a"
    assert states.source_key("a", "new") == "c"
    assert states.source_key("d", "new") == "c"
    assert states.source_key("d", "other") is None
    assert head_hash([PromptMessage(role="system", content="x")]) != head_hash(
        [PromptMessage(role="user", content="x")]
    )


def test_own_place() -> None:
    """A conversation gets its own place back; a new one gets the place that was used longest ago."""
    slots = Slots(2)
    one = slots.take("one", NEVER)
    two = slots.take("two", NEVER)
    assert one
    assert two
    one.holds, two.holds = "one", "two"
    slots.give(one)
    slots.give(two)
    again = slots.take("one", NEVER)
    assert again is one
    slots.give(one)
    third = slots.take("three", NEVER)
    assert third is two


def test_waits_for_its_own_place_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose conversation is still being left waits a little, then takes another place; a stop ends the wait."""
    slots = Slots(2)
    one = slots.take("one", NEVER)
    assert one
    one.holds = "one"
    timer = threading.Timer(0.1, slots.give, [one])
    monkeypatch.setattr(slots_module, "OWN_SLOT_WAIT_SECONDS", PATIENCE)
    timer.start()
    assert slots.take("one", NEVER) is one
    timer.join()
    monkeypatch.setattr(slots_module, "OWN_SLOT_WAIT_SECONDS", 0.1)
    other = slots.take("one", NEVER)
    assert other
    assert other is not one
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    assert slots.take("two", stop) is None


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.integers(1, 3))
def test_a_place_has_one_holder(names: list[str], count: int) -> None:
    """However many calls come at once, no place is given to two of them, and all get one in the end."""
    slots, busy, lock = Slots(count), set(), threading.Lock()
    faults: list[int] = []

    def call(name: str) -> None:
        place = slots.take("" if name == "c" else name, NEVER)
        assert place
        with lock:
            faults.extend([place.number] if place.number in busy else [])
            busy.add(place.number)
        with lock:
            busy.discard(place.number)
        slots.give(place)

    threads = [threading.Thread(target=call, args=(name,)) for name in names]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert not any(each.is_alive() for each in threads)
    assert faults == []
