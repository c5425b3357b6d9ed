"""What people get who write to the bot: orders, buttons that are bound to what was shown, and talk."""

from __future__ import annotations

from typing import Any

import pytest

from missions.lease import ClaimState
from orchestrator.chat.values import ChatAnswer, ChatRequest
from orchestrator.core.errors import NotFound
from orchestrator.telegram.button_data import MAX_DATA_BYTES, decision_buttons, mission_digest, read_button
from orchestrator.telegram.decisions import MAX_ASKED, AskedReason
from orchestrator.telegram.desk import update_name
from tests.orchestrator.telegram.conftest import REVIEW, Bot

SECRET = "ghp_" + "a1B2" * 9


def test_help_says_what_it_understands(bot: Bot) -> None:
    """Also to what is no order of it, and with the bot's name as groups send it."""
    assert all("/inbox what waits for you" in bot.say(text)[0] for text in ("/help", "/start", "/HELP@our_bot"))
    assert bot.say("/reboot now")[0].startswith("There is no such order.")


def test_status_tells_of_nodes_and_missions(bot: Bot) -> None:
    """In one message, with what waits."""
    page = "---\nrole: HEADQUARTERS\nversion: 1.2.0\n---\n"
    bot.peer("anna").push({"heartbeats/n1.md": page, "missions/q.md": "Do it.\n", "missions/r.md": "Do it.\n"})
    bot.peer("n1").hold("r")
    bot.result()
    (said,) = bot.say("/status")
    assert "n1: stopped, works on r, version 1.2.0" in said
    assert "1 running, 1 queued, 1 waiting for you" in said
    assert said.endswith("/inbox shows what waits")


def test_inbox_shows_each_result_with_buttons_and_lists_the_rest(bot: Bot) -> None:
    """What was asked, what was done, what an approval does."""
    assert bot.say("/inbox") == ["Nothing waits for you."]
    bot.result()
    bot.peer("anna").push({"missions/broken.md": "---\ntask: nothing\n---\nx\n"})
    shown, listed = bot.say("/inbox")
    assert "Say it *well*" in shown
    assert "m: review" in shown
    assert "Said it." in shown
    assert "Approve: " in shown
    assert "quarantined broken" in listed
    assert list(bot.buttons()) == ["Approve", "Reject"]


def test_a_button_is_bound_to_the_file_that_was_shown(bot: Bot) -> None:
    """By its blob, in the bytes that the API has for it, however long the mission's name is."""
    name = "a-mission-" + "x" * 70
    for button in decision_buttons(name, "0" * 40):
        assert len(button.data.encode()) <= MAX_DATA_BYTES
        read = read_button(button.data)
        assert read is not None
        assert (read.mission, read.blob) == (mission_digest(name), "0" * 40)
    assert read_button("a:x:y") is read_button("") is read_button("a" * 64) is None


def test_approving_by_the_button_is_the_persons_word_with_who_pressed_beside(bot: Bot) -> None:
    """Once: the buttons go, and it is said in the chat."""
    bot.result()
    bot.say("/inbox")
    assert bot.press(bot.buttons()["Approve"]) == ["m is approved by anna"]
    assert bot.status() == "done"
    assert bot.api.cleared == [(42, 7)]
    assert bot.api.answered[-1]["text"] == "m is approved by anna"
    ledger = bot.peer("n1").ledger()
    from sync.objects import load_commit

    assert "Asked-By: ada (42) over Telegram" in load_commit(ledger.store, ledger.tip).message


def test_a_button_that_is_pressed_twice_does_it_once(bot: Bot) -> None:
    """Two fingers, two people, one press that comes again after a crash: the others are told what stands."""
    bot.result()
    bot.say("/inbox")
    approve, reject = bot.buttons()["Approve"], bot.buttons()["Reject"]
    bot.press(approve)
    for data in (approve, reject):
        (said,) = bot.press(data)
        assert "Not done: m is decided already" in said
    assert bot.status() == "done"


def test_a_button_of_an_older_result_counts_no_more(bot: Bot) -> None:
    """Rejected and done again meanwhile, elsewhere: the button on the first result does not accept the second."""
    bot.result()
    bot.say("/inbox")
    old = bot.buttons()
    bot.fleet().approval.reject("m", "again")
    bot.result(section="### Attempt 2\n\nSaid it otherwise.")
    for data in old.values():
        (said,) = bot.press(data)
        assert "Not done: m has changed since it was shown: look at it first" in said
    assert bot.status() == "review"
    bot.say("/inbox")
    assert bot.press(bot.buttons()["Approve"]) == ["m is approved by anna"]


def test_a_mission_whose_text_was_edited_is_another_one(bot: Bot) -> None:
    """Whatever the edit was: what was shown is not what would be approved."""
    bot.result()
    bot.say("/inbox")
    data = bot.buttons()["Approve"]
    text = bot.peer("anna").text("missions/m.md")
    bot.peer("anna").push({"missions/m.md": text.replace("Say it.", "Say it twice.")})
    assert "has changed since it was shown" in bot.press(data)[0]


@pytest.mark.parametrize("data", ["", "x", "a:0123456789abcdef", f"a:{'0' * 16}:{'0' * 40}", "a:m:merge", "🙂" * 16])
def test_made_up_buttons_do_nothing(bot: Bot, data: str) -> None:
    """Whoever can send callbacks can send any."""
    bot.result()
    (said,) = bot.press(data)
    assert said.startswith("Not done: ")
    assert bot.status() == "review"


def test_a_rejection_asks_for_words_and_the_answer_to_that_very_message_is_them(bot: Bot) -> None:
    """Also after a restart, and after others were written in between."""
    bot.result()
    bot.say("/inbox")
    (asked,) = bot.press(bot.buttons()["Reject"])
    assert asked.startswith("What is wrong with m?")
    assert bot.api.sent[-1]["reply_markup"] == {"force_reply": True}
    number = bot.api.sent[-1]["message_id"]
    bot.start()
    bot.say("how are you?")
    assert bot.status() == "review"
    bot.api.answer("too loud", to=number)
    assert "m is rejected by anna" in bot.hear()[0]
    filed = bot.peer("n1").ledger().open["m"].mission
    assert (filed.status, filed.comment) == ("queued", "too loud")
    bot.api.answer("and again", to=number)
    assert bot.hear()[0].startswith("This node did not ask that")
    assert bot.peer("n1").ledger().open["m"].mission.comment == "too loud"


def test_words_for_a_rejection_that_another_node_asked_for_are_no_talk(bot: Bot) -> None:
    """The mark is that node's; a model is not told what is wrong with a result. Whoever quotes the question talks."""
    bot.result()
    bot.say("/inbox")
    bot.press(bot.buttons()["Reject"])
    number = bot.api.sent[-1]["message_id"]
    bot.stores.marks.drop(bot.stores.marks.starting("telegram asked "))
    bot.api.answer("too loud", to=number)
    assert bot.hear() == ["This node did not ask that, or it is long ago: press Reject again; /inbox shows what waits."]
    assert (bot.asked, bot.status()) == ([], "review")
    bot.api.answer("/status", to=number)
    assert "1 waiting for you" in bot.hear()[0]
    bot.api.answer("why is that?", to=number, by=77)
    bot.hear()
    assert [each.message for each in bot.asked] == ["why is that?"]


def test_of_too_many_questions_the_oldest_is_forgotten(bot: Bot) -> None:
    """And not all of them with it; what is a week old goes as well."""
    for number in range(1, MAX_ASKED + 3):
        bot.town.clock.forward(1)
        bot.desk.decisions.remember(42, number, AskedReason(mission=f"m{number}", blob="0" * 40))
    asked = bot.desk.decisions.asked
    assert (asked(42, 1), asked(42, 2)) == (None, None)
    assert asked(42, 3) == AskedReason(mission="m3", blob="0" * 40)
    assert len(bot.stores.marks.starting("telegram asked ")) == MAX_ASKED
    bot.town.clock.forward(8 * 86_400)
    bot.desk.decisions.remember(42, 999, AskedReason(mission="m", blob="0" * 40))
    assert len(bot.stores.marks.starting("telegram asked ")) == 1


def test_words_for_a_result_that_changed_meanwhile_reject_nothing(bot: Bot) -> None:
    """The rejection is bound as the button was."""
    bot.result()
    bot.say("/inbox")
    bot.press(bot.buttons()["Reject"])
    number = bot.api.sent[-1]["message_id"]
    bot.fleet().approval.approve("m")
    bot.api.answer("too loud", to=number)
    assert "decided already" in bot.hear()[0]
    assert bot.status() == "done"


def test_a_mission_is_filed_once_however_often_the_update_comes(bot: Bot) -> None:
    """Its name comes from the update: here, after a crash, or on another node."""
    number = bot.api.write("/new Fix the login\nwith tests")
    (said,) = bot.hear()
    name = update_name("Fix the login\nwith tests", f"{bot.network.name} {number}")
    assert name.startswith("fix-the-login-with-tests-")
    assert said == f"{name} is filed\n\n/show {name}"
    bot.stores.marks.put(f"telegram offset {bot.network.name}", "0")
    bot.api.updates = [
        {
            "update_id": number,
            "message": {
                "message_id": 1,
                "date": 1,
                "chat": {"id": 42, "type": "private"},
                "text": "/new Fix the login\nwith tests",
            },
        }
    ]
    assert bot.hear() == [said]
    assert list(bot.peer("n1").ledger().open) == [name]
    assert bot.peer("n1").ledger().open[name].mission.body.strip() == "Fix the login\nwith tests"


def test_several_attempts_are_filed_once_and_called_after_their_words(bot: Bot) -> None:
    """An update that comes again finds the first of them."""
    text = "---\nattempts: 2\n---\nFix the login"
    number = bot.api.write(f"/new {text}")
    (said,) = bot.hear()
    name = update_name(text, f"{bot.network.name} {number}")
    assert name.startswith("fix-the-login-")
    assert said == f"{name}-a1 is filed\n\n/show {name}-a1"
    bot.stores.marks.put(f"telegram offset {bot.network.name}", "0")
    chat = {"id": 42, "type": "private"}
    bot.api.updates = [
        {"update_id": number, "message": {"message_id": 1, "date": 1, "chat": chat, "text": f"/new {text}"}}
    ]
    assert bot.hear() == [said]
    assert sorted(bot.peer("n1").ledger().open) == [f"{name}-a1", f"{name}-a2"]


@pytest.mark.parametrize("text", ["日本語だけ", "!!!", "../../etc/passwd", "---", "a" * 300])
def test_any_words_make_a_name(text: str) -> None:
    """One that the ledger takes, and that no other update has."""
    from missions.mission import slug

    name = update_name(text, "1 2")
    assert slug(name) == name
    assert len(name) <= 80
    assert name != update_name(text, "1 3")


def test_orders_without_their_words_say_how(bot: Bot) -> None:
    """And what cannot be done is one sentence, as at the command line."""
    assert bot.say("/new") == ["Say /new WORDS."]
    assert bot.say("/show ") == ["Say /show NAME."]
    assert "no mission" in bot.say("/show nothing-like-that")[0]
    assert "unknown project" in bot.say("/new ---\nproject: nowhere\n---\nDo it")[0]


def test_no_order_updates_the_fleet(bot: Bot) -> None:
    """The person's key on this machine could sign it."""
    (said,) = bot.say("/new ---\ntask: system:update_factory\nto: [n1]\nrelease: v9.0.0\n---\nGo")
    assert "admin's machine" in said
    assert bot.peer("n1").ledger().open == {}


def test_what_is_no_order_is_talk_in_a_conversation_of_the_chats_own(bot: Bot) -> None:
    """It goes on until `/fresh`; the key is the update's, so that it is answered once."""
    number = bot.api.write("what is new?")
    assert bot.hear() == ["It is **42**.\n\nMara, primary of hq"]
    bot.say("and then?")
    bot.say("hello", chat=-100)
    bot.say("/fresh")
    bot.say("from the beginning")
    assert [each.conversation for each in bot.asked] == ["", "c1", "", ""]
    assert bot.asked[0].key == f"telegram-{bot.network.name}-{number}"
    assert {each.device for each in bot.asked} == {"telegram42", "telegram-100"}
    assert all(each.tools == () for each in bot.asked)


def test_a_conversation_that_was_deleted_elsewhere_is_followed_by_a_new_one(bot: Bot) -> None:
    """Without `/fresh`; what is not found for another reason is told."""
    bot.say("what is new?")
    gone, answer = {"c1"}, bot.desk.answerer

    def looked_up(request: ChatRequest) -> ChatAnswer:
        if request.conversation in gone:
            raise NotFound("no conversation {!r}", request.conversation)
        return answer(request)

    object.__setattr__(bot.desk, "answerer", looked_up)
    assert bot.say("and then?") == ["It is **42**.\n\nMara, primary of hq"]
    assert bot.say("and now?") == ["It is **42**.\n\nMara, primary of hq"]
    assert [each.conversation for each in bot.asked] == ["", "", "c2"]
    gone |= {"", "c3"}
    bot.say("/fresh")
    assert "no conversation ''" in bot.say("anything?")[0]


def test_a_result_that_is_decided_while_they_are_listed_breaks_nothing_off(bot: Bot) -> None:
    """The others follow it."""
    bot.result("a")
    bot.result("b")
    bot.result("c")
    shows, number = bot.api._send, bot.api.write("/inbox")
    assert number

    def meanwhile(words: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "a: review" in words["text"]:
            bot.peer("anna").push({"missions/b.md": None})
        return shows(words)

    bot.api._send = meanwhile  # type: ignore[method-assign]
    said = bot.hear()
    assert len(said) == 3
    assert "a: review" in said[0]
    assert said[1] == "b is decided meanwhile."
    assert "c: review" in said[2]


def test_a_long_answer_comes_in_parts_and_its_secrets_do_not(bot: Bot) -> None:
    """Each within the API's limits, which the stand-in keeps."""
    bot.answer = f"key {SECRET}\n" + "🙂 line\n" * 1500
    said = bot.say("tell me all")
    assert len(said) > 1
    assert SECRET not in "".join(said)
    assert not bot.told or "did not go out" not in bot.told[-1]


def test_hostile_results_are_shown_as_words(bot: Bot) -> None:
    """Markup, links, mentions, commands, a fence that would close ours: nothing of it is more than text."""
    evil = "### Attempt 1\n\n[x](https://evil.example/a) @admin /new rm ```</pre> \u202egnp.exe"
    bot.result(section=evil)
    (shown,) = bot.say("/inbox")
    assert "https://evil" not in shown
    assert "@admin" not in shown
    assert " /new" not in shown
    assert "\u202e" not in shown
    assert all("parse_mode" not in message for message in bot.api.sent)


def test_words_of_others_and_no_words_are_no_orders(bot: Bot) -> None:
    """A forwarded `/new` files nothing; a picture is told so."""
    origin = {"type": "hidden_user", "date": 1, "sender_user_name": "Eve"}
    assert bot.say("/new Do it", forward_origin=origin)[0].startswith("That is forwarded")
    assert bot.say("")[0].startswith("I read text only")
    assert bot.peer("n1").ledger().open == {}
    assert bot.asked == []


def test_a_node_whose_turn_is_over_says_nothing(bot: Bot) -> None:
    """Its answer would come beside another node's."""
    bot.result()
    bot.say("/inbox")
    data = bot.buttons()["Approve"]
    bot.may_answer = False
    assert bot.say("what is new?") == []
    assert bot.press(data) == []
    assert bot.api.answered == []


def test_pauses_that_the_api_asks_for_are_kept(bot: Bot) -> None:
    """The same message again, and only that one; a pause of hours is not waited for."""
    bot.api.busy = [3, 5]
    assert bot.say("/help")[0].startswith("This is")
    assert bot.rests == [3.0, 5.0]
    bot.api.busy = [3600]
    assert bot.say("/help") == []
    assert "an answer did not go out: Telegram takes no more for 3600 s" in bot.told
    assert len(bot.say("/help")) == 1


def test_a_result_with_a_diff_shows_it_as_code(bot: Bot) -> None:
    """With its counts."""
    bot.peer("anna").push({"missions/d.md": REVIEW})
    node = bot.peer("n1")
    diff = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1,2 @@\n-old\n+new\n+`more`\n"
    node.attempt("d", ClaimState.DONE, artifacts={"diff": diff})
    node.fold()
    (shown,) = bot.say("/show d")
    assert "1 files changed, 2 lines added, 1 removed" in shown
    entity = bot.api.sent[-1]["entities"][0]
    code = shown.encode("utf-16-le")[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])]
    assert code.decode("utf-16-le") == diff.strip()
