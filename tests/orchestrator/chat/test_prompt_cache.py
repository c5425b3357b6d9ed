"""Is what a model has read kept over a restart, and read ahead when a briefing changed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.chat.prompt_cache import MAX_SAVED_CONVERSATIONS, PromptCache, PromptHeadKey
from orchestrator.chat.queue import BackendQueues
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.ports.model import PromptMessage, Usage
from tests.orchestrator.chat.conftest import ScriptedModel, Talk


@dataclass
class NotedKeeper:
    """A stand-in that notes what it is asked, and writes the conversation's name as its state."""

    warmed: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def warm(self, messages: Sequence[PromptMessage], conversation: str = "") -> Usage:
        """Notes the first message."""
        self.warmed.append(messages[0].content)
        return Usage()

    def save(self, path: Path, conversation: str = "") -> bool:
        """Writes the name."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(conversation)
        path.with_name(path.name + ".json").write_text("{}")
        return True

    def load(self, path: Path, conversation: str = "") -> bool:
        """Notes the name."""
        assert path.read_text() == conversation
        self.loaded.append(conversation)
        return True


@pytest.fixture
def keeper() -> NotedKeeper:
    """One."""
    return NotedKeeper()


def warmth(folder: Path, talk: Talk) -> PromptCache:
    """What a process has."""
    made = PromptCache(folder=folder / "prompts", queues=talk.chat.queues, head=talk.chat.prompts.head)
    talk.chat.prompt_cache = made
    return made


def test_a_conversation_is_taken_up_by_the_next_process(tmp_path: Path, talk: Talk, keeper: NotedKeeper) -> None:
    """Saved at the end; loaded before its first answer, once."""
    talk.model.keeper = keeper
    one = talk.say("Hello?")
    assert talk.chat.prompt_cache is None
    first = warmth(tmp_path, talk)
    talk.say("Again?", conversation=one.conversation)
    assert keeper.loaded == []
    assert first.save() == 1
    warmth(tmp_path, talk)
    talk.say("Back?", conversation=one.conversation)
    talk.say("Still there?", conversation=one.conversation)
    assert keeper.loaded == [one.conversation]


def test_only_the_last_few_are_kept(tmp_path: Path, talk: Talk, keeper: NotedKeeper) -> None:
    """States are large; each with what stands beside it."""
    talk.model.keeper = keeper
    for _ in range(2):
        kept = warmth(tmp_path, talk)
        for _ in range(MAX_SAVED_CONVERSATIONS + 1):
            talk.say("Hello?")
        assert kept.save() == MAX_SAVED_CONVERSATIONS
    assert len(list((tmp_path / "prompts").iterdir())) == 2 * MAX_SAVED_CONVERSATIONS


def test_a_deleted_conversation_leaves_no_state(tmp_path: Path, talk: Talk, keeper: NotedKeeper) -> None:
    """Neither the state nor its note."""
    talk.model.keeper = keeper
    kept = warmth(tmp_path, talk)
    one = talk.say("Hello?")
    kept.save()
    kept.forget(one.conversation)
    assert list((tmp_path / "prompts").iterdir()) == []
    assert kept.save() == 0


def test_a_changed_briefing_is_read_ahead(tmp_path: Path, talk: Talk, keeper: NotedKeeper) -> None:
    """Exactly what the next conversation will be given first; nothing while nothing changed."""
    talk.model.keeper = keeper
    kept = warmth(tmp_path, talk)
    talk.say("Which port?", project="shop")
    assert kept.refresh() == []
    talk.ada.push({"projects/shop/SESSION_BRIEFING.md": "# Briefing: shop\n\n## Facts\n\n- Port: 9090\n"})
    assert [subject.project for subject in kept.refresh()] == ["shop"]
    assert kept.refresh() == []
    talk.say("Which port?", project="shop")
    assert talk.model.prompts[-1].messages[0].content == keeper.warmed[0]
    assert "9090" in keeper.warmed[0]


def test_nothing_is_read_ahead_while_somebody_is_answered(tmp_path: Path, talk: Talk, keeper: NotedKeeper) -> None:
    """People come first."""
    talk.model.keeper = keeper
    kept = warmth(tmp_path, talk)
    talk.say("Which port?", project="shop")
    talk.ada.push({"projects/shop/SESSION_BRIEFING.md": "# Briefing: shop\n\n- Port: 9090\n"})
    ticket = talk.chat.queues.of("stand-in").join()
    assert kept.refresh() == []
    ticket.leave()
    assert len(kept.refresh()) == 1


def test_a_broken_keeper_costs_no_answer(tmp_path: Path) -> None:
    """What cannot be loaded, warmed or saved is told in the log; the chat goes on."""

    class Broken(NotedKeeper):
        def warm(self, messages: Sequence[PromptMessage], conversation: str = "") -> Usage:
            raise ModelUnavailable("no")

        def save(self, path: Path, conversation: str = "") -> bool:
            raise OSError("disk full")

        def load(self, path: Path, conversation: str = "") -> bool:
            raise ModelUnavailable("no")

    model, heads = ScriptedModel(), iter(["old", "new"])
    model.keeper = Broken()
    kept = PromptCache(folder=tmp_path, queues=BackendQueues(lanes={}), head=lambda subject, model: next(heads))
    (tmp_path / "c.state").write_text("c")
    assert kept.fetch(model, "c") is False
    kept.used(model, "c", PromptHeadKey(project="", role=""), "")
    assert kept.refresh() == []
    assert kept.save() == 0


def test_a_name_that_is_a_path_is_none(tmp_path: Path) -> None:
    """A conversation's id never leads out of the folder."""
    kept = PromptCache(folder=tmp_path / "prompts", queues=BackendQueues(lanes={}), head=lambda subject, model: "")
    outside = tmp_path / "x.state"
    outside.write_text("x")
    kept.forget("../x")
    assert outside.exists()
