"""Does a chat say nothing that nobody wrote down, whatever its model says?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from handoff.answers.extraction import SILENT
from handoff.answers.grounding import Unsupported
from handoff.entry import parse_log
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.model_competence import Competence
from orchestrator.core.ports.model import Generation, Prompt, Stop
from orchestrator.core.ports.model_backend import BackendChoice
from orchestrator.workflow.answers.answer_sources import SourceFinder
from tests.ledgers import FLEET, Town
from tests.orchestrator.chat.conftest import ScriptedModel, Talk

WAITS = "---\ntitle: A table\nproject: shop\nagent: claude\n---\nMake it.\n"
INVENTED = "The 2025-2028 'Ship's Crew' mission of the spaceship Marauder's Revenge flies to the planet NuTar."


def sized(talk: Talk, name: str, how: Unsupported = Unsupported.MARK) -> Talk:
    """The same chat, whose model is of that name and size, and which looks for sources."""
    finder = SourceFinder(now=talk.town.clock)
    talk.model.name = name
    talk.chat.sources = lambda *asked: replace(finder(*asked), unsupported=how)
    return talk


def test_missions_are_told_from_the_ledger_and_no_model_is_asked(talk: Talk) -> None:
    """Which missions wait is in the ledger; a toy has no say in it."""
    talk.ada.push({"missions/vat-table.md": WAITS})
    sized(talk, "tiny-135m").model.says = INVENTED
    answer = talk.say("Which missions are queued?")
    assert answer.text.startswith("1 mission is queued or failed:\n- vat-table · queued")
    assert answer.text.endswith("[missions/vat-table.md]")
    assert not talk.model.prompts
    assert (answer.good_for, answer.usage.cost_usd, answer.usage.tokens_out) == ("ledger", 0.0, 0)
    assert talk.text == answer.text


def test_a_better_model_is_given_the_ledgers_answer(talk: Talk) -> None:
    """It answers in its own words, with the lines before the question, and is checked against them."""
    talk.ada.push({"missions/vat-table.md": WAITS})
    sized(talk, "large-70b").model.says = "The mission vat-table is queued. It flies to NuTar."
    answer = talk.say("Which missions are queued?")
    assert "vat-table · queued" in talk.model.prompts[0].messages[-1].content
    assert answer.text == talk.model.says
    assert answer.grounding["citations"] == ["missions/vat-table.md"]
    assert answer.grounding["unsupported"] == ["It flies to NuTar."]
    assert answer.json()["grounding"]["supported"] == 1


def test_the_lines_come_first_and_a_toys_words_only_as_far_as_they_hold(talk: Talk) -> None:
    """What it invents is neither shown nor kept, nor given to it again with the next message."""
    sized(talk, "tiny-135m").model.says = INVENTED
    one = talk.say("What is the port?", project="shop")
    assert one.text == "- Port: 8080 [projects/shop/SESSION_BRIEFING.md:5]"
    assert one.good_for == "toy"
    assert "is a toy" in one.advice
    talk.say("Which port does the shop use?", conversation=one.conversation)
    assert "NuTar" not in str(talk.model.prompts[-1].messages)
    assert "NuTar" not in str([turn.content for turn in talk.stores.conversations.turns(one.conversation)])


def test_what_the_handoff_does_not_say_a_toy_does_not_say(talk: Talk) -> None:
    """No line, no words."""
    sized(talk, "tiny-135m").model.says = INVENTED
    answer = talk.say("Who founded the shop?", project="shop")
    assert (answer.text, talk.model.prompts) == (SILENT, [])


def test_a_model_that_is_here_and_not_chosen_is_named(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who pulled a model and hears that the handoff does not say is told that another answers, and what changes it."""
    sized(talk, "tiny-135m")
    better = Competence(model="tiny-135m", parameters=135_000_000, better_here="large-70b")
    monkeypatch.setattr(BackendChoice, "competence", property(lambda self: better))
    answer = talk.say("Who founded the shop?", project="shop")
    assert answer.text == f"{SILENT} large-70b is here and not chosen: `shiftbook models use large-70b`"
    assert answer.advice.endswith("; large-70b is here and not chosen: `shiftbook models use large-70b`")
    assert SILENT not in talk.say("What is the port?", project="shop").text


def test_what_the_person_said_is_a_source(talk: Talk) -> None:
    """A statement of theirs is found again; their questions are not answers."""
    sized(talk, "tiny-135m").model.says = INVENTED
    one = talk.say("My cat is called Ada. Which port does the shop use?", project="shop")
    assert "8080" in one.text
    two = talk.say("What is my cat called?", conversation=one.conversation)
    assert two.text.startswith("- My cat is called Ada. [your message 1]")


@pytest.mark.parametrize("how", list(Unsupported))
def test_the_fleet_says_what_becomes_of_the_rest(talk: Talk, how: Unsupported) -> None:
    """mark: told beside the answer; drop: not shown; off: not looked at."""
    sized(talk, "large-70b", how).model.says = f"The port is 8080. {INVENTED}"
    answer = talk.say("Which port?", project="shop")
    assert ("NuTar" in answer.text) is (how is not Unsupported.DROP)
    assert bool(answer.grounding) is (how is not Unsupported.OFF)
    if how is Unsupported.DROP:
        assert answer.text == "The port is 8080. [projects/shop/SESSION_BRIEFING.md:5]"


def test_off_shows_a_toys_words_and_writes_none_of_them_down(talk: Talk) -> None:
    """A fleet may want to see them; the log is read by others."""
    sized(talk, "tiny-135m", Unsupported.OFF).model.says = [
        '{"tool": "write", "arguments": {"path": "a.txt", "content": "x"}}',
        '{"answer": "' + INVENTED + '"}',
    ]
    answer = talk.say("Write a.txt", tools=("write",))
    assert answer.text == INVENTED
    assert answer.journal
    log = parse_log(talk.ada.ledger().text("SESSION_LOG.md"))
    assert "NuTar" not in log.entries[-1].raw


@pytest.mark.parametrize(
    "words", ["Run `sudo rm -r *` now.", "First\nrm -rf /home/old_name\n", "sudo rm \\\n  -Rf /srv"]
)
def test_a_command_that_destroys_never_stands_alone(talk: Talk, words: str) -> None:
    """Whichever model says it, however it is cut into pieces, and with or without a ledger."""
    talk.model.says = words
    talk.chat.prompts = replace(talk.chat.prompts, ledger=None)
    answer = talk.say("How do I make room?")
    before, _, after = talk.text.partition("This deletes or overwrites files; nothing of it was run.")
    assert "rm -" not in before
    assert "rm" in after
    assert answer.text == talk.text


@pytest.mark.parametrize("how", list(Unsupported))
def test_fleet_toml_says_it(how: Unsupported) -> None:
    """The setting reaches whoever asks."""
    town = Town({"fleet.toml": FLEET.format(trust="remote") + f'[answers]\ngrounded = "{how}"\n'})
    assert SourceFinder(now=town.clock)(town.peer("ada").ledger(), "", "Hello?").unsupported is how


@dataclass
class FallsBack:
    """A chooser whose first model is gone when it is asked; then there is a toy."""

    toy: ScriptedModel
    large: Gone = field(default_factory=lambda: Gone(name="large-70b"))

    def choose(self, wanted: str = "", *, peers: bool = True) -> BackendChoice:
        """The large one first."""
        return BackendChoice(model=self.toy if self.large.prompts else self.large, why="it is there")


@dataclass
class Gone(ScriptedModel):
    """Does not answer."""

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Never."""
        self.prompts.append(prompt)
        raise ModelUnavailable("gone")


def test_a_toy_that_has_to_stand_in_is_held_to_the_lines_as_well(talk: Talk) -> None:
    """Whoever answers in the end counts, not who was asked first."""
    sized(talk, "tiny-135m").model.says = INVENTED
    talk.chat.chooser = FallsBack(talk.model)
    answer = talk.say("Which port does the shop use?", project="shop")
    assert talk.model.prompts
    assert answer.text == talk.text == "- Port: 8080 [projects/shop/SESSION_BRIEFING.md:5]"
    assert answer.good_for == "toy"
    assert "is a toy" in answer.advice
