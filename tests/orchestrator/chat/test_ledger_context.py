"""Is a chat's project found once, told, and never changed afterwards?"""

from __future__ import annotations

from orchestrator.chat.ledger_context import detect_project
from orchestrator.chat.values import ChatRequest
from tests.ledgers import FLEET, Town
from tests.orchestrator.chat.conftest import Talk


def test_a_new_conversation_finds_its_project_and_says_so(talk: Talk) -> None:
    """It has the project's documents from the first message on; start and answer tell project and reason."""
    answer = talk.say("Which port does the shop repo use?")
    assert answer.project == "shop"
    assert answer.notes[0].startswith("about shop (because it names “shop”")
    assert talk.events[0].data["project"] == "shop"
    assert "Port: 8080" in talk.model.prompts[0].messages[0].content
    assert talk.stores.conversations.get(answer.conversation).project == "shop"


def test_a_general_question_stays_without(talk: Talk) -> None:
    """No project, no note."""
    answer = talk.say("What is the capital of France?")
    assert (answer.project, answer.notes) == ("", ())


def test_an_unsure_one_is_told_what_it_could_be() -> None:
    """It is answered for no project, and a note says which it may be."""
    toml = FLEET.format(trust="remote") + '[projects.kestrel]\nurl = "/srv/k.git"\n'
    ledger = Town({"fleet.toml": toml}).peer("ada").ledger()
    found = detect_project(ledger, ChatRequest(message="How does the shop repo differ from kestrel?"))
    assert found.project == ""
    could = "it could be shop or kestrel (shop: it names “shop”; kestrel: it names “kestrel”)"
    assert found.notes == (f"about no project; {could}",)


def test_a_conversation_is_never_switched(talk: Talk) -> None:
    """Neither one that has none, which is told, nor one that has one."""
    one = talk.say("What is the capital of France?")
    two = talk.say("And what is in the shop repo?", conversation=one.conversation)
    assert two.project == ""
    assert two.notes[0].startswith("this looks like shop (because it names “shop”")
    assert talk.stores.conversations.get(one.conversation).project == ""
    assert talk.say("And of Spain?", conversation=one.conversation).notes == ()
    about = talk.say("Which port?", project="shop")
    assert talk.say("What is the capital of France?", conversation=about.conversation).project == "shop"


def test_who_says_none_gets_none(talk: Talk) -> None:
    """`match` off: nothing is looked for."""
    answer = talk.say("Which port does the shop repo use?", match=False)
    assert (answer.project, answer.notes) == ("", ())


def test_a_repeated_request_is_the_same_one_with_its_project(talk: Talk) -> None:
    """The same key finds the conversation that it began, whatever project that was found for."""
    one = talk.say("Which port does the shop repo use?", device="phone", key="k1")
    other = '[projects.other]\nurl = "/srv/o.git"\n[projects.shop]\nurl = "/srv/s.git"\n'
    talk.ada.push({"fleet.toml": f'[trust]\nmissions = "remote"\n{other}'})
    two = talk.say("Which port does the shop repo use?", device="phone", key="k1")
    assert (two.conversation, two.repeated, two.project) == (one.conversation, True, "shop")
