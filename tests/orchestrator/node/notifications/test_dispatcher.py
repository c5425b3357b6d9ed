"""Does what waits go out once each, again after a failure, and to nobody twice? To real receivers on loopback."""

from __future__ import annotations

import os
import signal
import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.adapters.notifiers.apprise import AppriseNotifier
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.notifier import NotDelivered, NotificationMessage
from orchestrator.ledger.config.notification import NotificationKind
from orchestrator.node.notifications.dispatcher import HOLD_SECONDS, RETRY_DELAYS
from orchestrator.node.notifications.outbox_status import outbox_status, retry_failed
from tests.orchestrator.node.notifications.conftest import Desk, notice
from tests.program import start_script
from tests.receivers import Hook, Mailbox
from tests.waiting import PATIENCE

PLAIN = NotificationMessage(key="k1", title="a title", body="a body\nin two lines")


def test_a_notice_goes_out_once(desk: Desk, web: Hook) -> None:
    """However often it is put and delivered, and after a restart, too; the receiver is told its key."""
    postman = desk.postman(web.url(), link="https://hq.example")
    assert postman.put(notice())
    assert not postman.put(notice())
    assert postman.deliver() == 1
    assert postman.deliver() == 0
    again = desk.postman(web.url())
    assert not again.put(notice())
    assert again.deliver() == 0
    assert web.titles == ["fix done"]
    assert web.got[0]["message"] == "About fix.\nhttps://hq.example/missions/fix"
    assert web.got[0]["type"] == "success"
    assert web.keys == ["fix-1-done"]


def test_many_that_wait_go_out_as_one(desk: Desk, web: Hook) -> None:
    """One message lists them, what waits for a person first."""
    postman = desk.postman(web.url())
    for name in ("a", "b", "c"):
        postman.put(notice(name))
    postman.put(notice("d", NotificationKind.REVIEW))
    assert postman.deliver() == 4
    assert web.titles == ["fleet: 4 things happened, 1 waits for you"]
    assert web.got[0]["message"].splitlines() == ["· About d.", "· About a.", "· About b.", "· About c."]


def test_what_comes_within_the_window_waits_for_its_end(desk: Desk, web: Hook) -> None:
    """Nothing is sent before, and then everything at once."""
    postman = desk.postman(web.url(), batch_seconds=20)
    postman.put(notice("a"))
    desk.clock.forward(12)
    postman.put(notice("b"))
    assert postman.deliver() == 0
    desk.clock.forward(8)
    assert postman.deliver() == 2
    assert len(web.got) == 1


def test_a_mail(desk: Desk, mail: Mailbox) -> None:
    """A real SMTP server gets one mail with the title as its subject."""
    postman = desk.postman(mail.url())
    postman.put(notice())
    assert postman.deliver() == 1
    assert mail.mails[0]["Subject"] == "fix done"
    assert mail.mails[0]["Idempotency-Key"] == "fix-1-done"
    body = mail.mails[0].get_body(("html", "plain"))
    assert body is not None
    assert "About fix." in body.get_content()


def test_a_failure_is_tried_again_after_growing_rests_and_then_given_up(desk: Desk, web: Hook) -> None:
    """Each rest is kept, each failure is noted, and in the end it stays shown; by hand it goes out after all."""
    web.answers = [500] * 100
    postman = desk.postman(web.url())
    postman.put(notice())
    for number, rest in enumerate(RETRY_DELAYS, 1):
        assert postman.deliver() == 0
        assert len(web.got) == number
        stand = outbox_status(desk.stores.outgoing)
        assert stand.trouble == "1 notice could not be delivered, and is tried again"
        assert "500" in stand.error
        desk.clock.forward(rest.total_seconds() - 1)
        assert postman.deliver() == 0
        assert len(web.got) == number
        desk.clock.forward(1)
    assert postman.deliver() == 0
    assert outbox_status(desk.stores.outgoing).trouble == "1 notice could not be delivered and is given up"
    desk.clock.forward(10**6)
    assert postman.deliver() == 0
    assert len(web.got) == len(RETRY_DELAYS) + 1
    web.answers.clear()
    assert retry_failed(desk.stores.outgoing, desk.clock()) == 1
    assert postman.deliver() == 1
    assert outbox_status(desk.stores.outgoing).trouble == ""


def test_an_address_that_was_reached_is_not_told_again_because_another_fails(
    desk: Desk, web: Hook, mail: Mailbox
) -> None:
    """The mail goes out once; the hook is tried until it answers."""
    web.answers = [503, 503]
    postman = desk.postman(f"{mail.url()}, {web.url()}")
    postman.put(notice())
    assert postman.deliver() == 0
    for rest in RETRY_DELAYS[:2]:
        desk.clock.forward(rest.total_seconds())
        postman.deliver()
    assert len(web.got) == 3
    assert len(mail.mails) == 1
    assert outbox_status(desk.stores.outgoing).trouble == ""


def test_what_failed_joins_what_came_meanwhile(desk: Desk, web: Hook) -> None:
    """When an address is back, what it missed comes in one message."""
    web.answers = [500]
    postman = desk.postman(web.url())
    postman.put(notice("a"))
    postman.deliver()
    desk.clock.forward(RETRY_DELAYS[0].total_seconds())
    postman.put(notice("b"))
    assert postman.deliver() == 2
    assert web.titles[1] == "fleet: 2 things happened"


NIGHT = datetime(2026, 11, 21, 23, tzinfo=UTC)


def test_quiet_hours_are_kept_and_urgent_kinds_pass(desk: Desk, web: Hook) -> None:
    """What happens at night is told in the morning in one message; a node that went silent wakes people."""
    desk.clock.at = NIGHT
    postman = desk.postman(web.url(), quiet="22:00-07:00", urgent=["lost"])
    postman.put(notice("a"))
    postman.put(notice("vps", NotificationKind.LOST))
    postman.deliver()
    assert web.titles == ["vps lost"]
    desk.clock.at = NIGHT + timedelta(hours=2)
    postman.put(notice("b"))
    postman.deliver()
    desk.clock.at = NIGHT + timedelta(hours=7, minutes=59)
    assert postman.deliver() == 0
    desk.clock.forward(60)
    assert postman.deliver() == 2
    assert len(web.got) == 2


def test_a_retry_keeps_quiet_hours_and_so_does_a_change_of_them(desk: Desk, web: Hook) -> None:
    """What failed in the evening is not tried at night; what was due at once waits once quiet hours are set."""
    web.answers = [500]
    desk.clock.at = NIGHT.replace(hour=21, minute=59, second=50)
    postman = desk.postman(web.url(), quiet="22:00-07:00")
    postman.put(notice("a"))
    postman.deliver()
    desk.clock.forward(60)
    postman.deliver()
    loud = desk.postman(web.url())
    loud.put(notice("b"))
    postman.deliver()
    assert len(web.got) == 1
    desk.clock.at = NIGHT + timedelta(hours=8)
    assert postman.deliver() == 2


KILLED = """
import sys
from datetime import UTC, datetime
from orchestrator.adapters.database.factory import open_stores
from orchestrator.adapters.notifiers.apprise import AppriseNotifier
from orchestrator.node.notifications.dispatcher import NotificationDispatcher
url, database, moment = sys.argv[1:]
now = lambda: datetime.fromisoformat(moment)
stores = open_stores(database, now=now, new_id=str)
courier = AppriseNotifier(urls=url)
NotificationDispatcher(outgoing=stores.outgoing, courier=courier, tell=print, now=now).deliver()
"""


def test_a_process_that_is_killed_between_sending_and_noting_repeats_the_same_message(desk: Desk, web: Hook) -> None:
    """SIGKILL while the receiver holds its answer back: the next start sends these notices again, no others with them,
    under the same key, so that a receiver can drop the second."""
    for name in ("a", "b"):
        desk.postman(web.url()).put(notice(name))
    words = [web.url(), f"sqlite:///{desk.path}", desk.clock().isoformat()]
    child = start_script(KILLED, *words)
    web.before_answer = lambda: (os.kill(child.pid, signal.SIGKILL), child.wait(timeout=PATIENCE))
    web.wait(1)
    assert child.wait(timeout=PATIENCE) == -signal.SIGKILL
    web.before_answer = lambda: None
    after = desk.postman(web.url())
    assert after.deliver() == 0
    desk.clock.forward(HOLD_SECONDS)
    after.put(notice("c"))
    assert after.deliver() == 3
    assert after.deliver() == 0
    assert web.keys == [web.keys[0], web.keys[0], "c-1-done"]
    assert web.got[0]["message"] == web.got[1]["message"]


def test_nothing_that_was_noted_is_repeated_after_a_kill(desk: Desk, web: Hook) -> None:
    """Two addresses, killed at the second: the first, which had answered, hears nothing again."""
    first, second = web.url("one"), web.url("two")
    desk.postman(first).put(notice())
    words = [f"{first}, {second}", f"sqlite:///{desk.path}", desk.clock().isoformat()]
    child = start_script(KILLED, *words)

    def at_the_second() -> None:
        if len(web.got) == 2:
            os.kill(child.pid, signal.SIGKILL)
            child.wait(timeout=PATIENCE)

    web.before_answer = at_the_second
    web.wait(2)
    child.wait(timeout=PATIENCE)
    desk.clock.forward(HOLD_SECONDS)
    assert desk.postman(f"{first}, {second}").deliver() == 1
    assert len(web.got) == 3


# -- the adapter ------------------------------------------------------------------------------------------------


def test_a_server_that_never_ends_is_given_up(web: Hook) -> None:
    """One that answers a byte at a time would keep a reader for ever; the next delivery waits for no such thing."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not done.wait(0.1):
                    try:
                        connection.sendall(b"X-Slow: 1\r\n")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        url = f"json://127.0.0.1:{listening.getsockname()[1]}/x"
        courier = AppriseNotifier(urls=url, seconds=0.5)
        with pytest.raises(NotDelivered, match=r"no end after 0\.5 s"):
            courier.send(courier.channels[0], PLAIN)
        with pytest.raises(NotDelivered, match="still hangs"):
            courier.send(courier.channels[0], PLAIN)
        done.set()
        thread.join(timeout=PATIENCE)


def test_no_secret_of_an_address_is_told(web: Hook) -> None:
    """Names, errors and the courier itself show neither password, path nor token."""
    web.answers = [401, 401]
    urls = f"{web.url('topsecret/deeper', user='ada:hunter22@')}?token=tkn12345, json://127.0.0.1:9/hooksecret"
    courier = AppriseNotifier(urls=urls)
    said = [repr(courier), *(f"{channel}" for channel in courier.channels)]
    for channel in courier.channels:
        with pytest.raises(NotDelivered) as error:
            courier.send(channel, PLAIN)
        said.append(str(error.value))
    assert "401" in said[-2]
    assert "refused" in said[-1]
    for secret in ("hunter22", "topsecret", "deeper", "tkn12345", "hooksecret"):
        assert not any(secret in words for words in said)


@pytest.mark.parametrize("urls", ["nonsense://secret-thing", "json://ok.example/a, unknown://secret-thing", " , "])
def test_an_address_that_apprise_does_not_know_is_named_without_showing_it(urls: str) -> None:
    """Its number and what to look at; never the address."""
    with pytest.raises(WrongSetting, match="SHIFTBOOK_NOTIFY") as error:
        AppriseNotifier(urls=urls)
    assert "secret" not in str(error.value)


def test_a_redirect_is_no_delivery(web: Hook) -> None:
    """Following one would turn the message into a question, and its answer into a success."""
    web.answers = [302]
    courier = AppriseNotifier(urls=web.url())
    with pytest.raises(NotDelivered):
        courier.send(courier.channels[0], PLAIN)


def test_addresses_are_told_apart_and_counted_once(web: Hook) -> None:
    """Commas and spaces separate them; one that is written twice is one."""
    courier = AppriseNotifier(urls=f"{web.url('a')},{web.url('b')} {web.url('a')}")
    assert [channel.name for channel in courier.channels] == ["1: JSON", "2: JSON"]
    assert len({channel.id for channel in courier.channels}) == 2
