"""Are words that others wrote safe in a message, do quiet hours hold, and are keys what they promise?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.declared.plain_values import WrongValues
from orchestrator.ledger.config import notification, quiet_hours
from orchestrator.ledger.config.notification import MAX_KEY_CHARS, Notification, NotificationKind, key_of
from orchestrator.ledger.config.notify_table import NotifyPart
from orchestrator.node.notifications.message import MAX_LISTED, batch_key, compose_message
from orchestrator.node.notifications.safe_text import ZERO_WIDTH_SPACE, plain_text, quoted_text


@pytest.mark.parametrize(
    ("wrote", "never"),
    [
        ("Fix\r\nBcc: eve@evil.example\r\n\r\nhello", "\n"),
        ("a\u2028b\u2029c\x85d\x0be", "\u2028"),
        ("@everyone look", "@everyone"),
        ("ping @here and @channel", "@here"),
        ("<!channel> <@U123> <b>bold</b>", "<"),
        ("[click here](http://evil.example)", "]("),
        ("see http://evil.example now", "http://"),
        ("see www.evil.example now", "www."),
        ("approve it at evil.example/approve", "evil.example"),
        ("approve it at EVIL.COM", "EVIL.COM"),
        ("see evil.com.", "evil.com"),
        ("see evil\u3002com/x", "evil\u3002com"),
        ("see evil\uff0ecom", "evil\uff0ecom"),
        ("see evil.ru", "evil.ru"),
        ("Login.kim is slow", "Login.kim"),
        ("read README.md first", "README.md"),
        ("see банк.рф", "банк.рф"),
        ("#tag at the beginning", "#tag"),
        ("a (#tag)", "#tag"),
        ("see bank.xn--e1afmkfd/x", "bank.xn--"),
        ("write to mailto:eve@evil.example", "mailto:e"),
        ("[x]: http://evil.example", "http://"),
        ("![x](http://evil.example/a.png)", "]("),
        ("call tel:+4912345", "tel:+"),
        ("run javascript:alert(1)", "javascript:a"),
        ("abc\u202egnp.exe", "\u202e"),
        ("bell \a and \x1b[31mred", "\x1b"),
        ("half \ud800 a pair", "\ud800"),
        ("token sk-ant-api03-" + "A1b2C3d4" * 12, "A1b2C3d4A1b2"),
    ],
)
def test_no_markup_no_line_no_call(wrote: str, never: str) -> None:
    """What would do something in a mail, a chat or a terminal does nothing any more."""
    assert never not in plain_text(wrote)
    assert never not in quoted_text(wrote)


@given(st.text(max_size=400))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    """Whatever is written: one line, not long, and saying it again changes no word."""
    found = plain_text(text)
    assert len(found.replace(ZERO_WIDTH_SPACE, "")) <= 120
    assert all(char.isprintable() or char == ZERO_WIDTH_SPACE for char in found)
    assert not set(found) & {"<", ">", "\n", "\r"}
    found.encode("utf-8")


def test_plain_words_stay_as_they_are() -> None:
    """A harmless title is told as it was written; a long one is cut."""
    assert (
        plain_text("Fix the log-in (it fails at 3 & 4): ünïcode 日本")
        == "Fix the log-in (it fails at 3 & 4): ünïcode 日本"
    )
    assert plain_text("at 3.5 v1.2.3, i.e. now") == "at 3.5 v1.2.3, i.e. now"
    files = plain_text("main.py, notes.md")  # in which an app sees addresses in Paraguay and Moldova
    assert files.replace(ZERO_WIDTH_SPACE, "") == "main.py, notes.md"
    assert plain_text("x" * 500) == "x" * 119 + "…"
    assert quoted_text("say “hi”") == '“say "hi"”'


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("hours", "zone", "now", "until"),
    [
        ("22:00-07:00", "UTC", "2026-11-21T21:59:59+00:00", "2026-11-21T21:59:59+00:00"),
        ("22:00-07:00", "UTC", "2026-11-21T22:00:00+00:00", "2026-11-22T07:00:00+00:00"),
        ("22:00-07:00", "UTC", "2026-11-22T06:59:00+00:00", "2026-11-22T07:00:00+00:00"),
        ("22:00-07:00", "UTC", "2026-11-22T07:00:00+00:00", "2026-11-22T07:00:00+00:00"),
        ("22:00-07:00", BERLIN, "2026-11-21T21:30:00+00:00", "2026-11-22T06:00:00+00:00"),
        ("22:00-07:00", BERLIN, "2026-07-21T21:30:00+00:00", "2026-07-22T05:00:00+00:00"),
        ("13:00-14:00", "UTC", "2026-11-21T13:30:00+00:00", "2026-11-21T14:00:00+00:00"),
        ("13:00-14:00", "UTC", "2026-11-21T12:30:00+00:00", "2026-11-21T12:30:00+00:00"),
        ("08:00-08:00", "UTC", "2026-11-21T08:00:00+00:00", "2026-11-21T08:00:00+00:00"),
        # clocks go forward at 2:00 on 2026-03-29: 2:30 does not exist, and 22:00-02:30 ends all the same
        ("22:00-02:30", BERLIN, "2026-03-29T00:30:00+00:00", "2026-03-29T01:30:00+00:00"),
        # clocks go back at 3:00 on 2026-10-25: 2:30 comes twice, the first one counts
        ("22:00-02:30", BERLIN, "2026-10-25T00:00:00+00:00", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_quiet_hours(hours: str, zone: str, now: str, until: str) -> None:
    """Inside of them a message waits for their end, in the person's time; outside it goes."""
    found = quiet_hours.read(hours, zone)
    assert found is not None
    assert found.until(datetime.fromisoformat(now)) == datetime.fromisoformat(until)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)))
def test_quiet_hours_never_lead_back(now: datetime) -> None:
    """On every day of the year, also those when clocks change, the next moment is not before now, nor a day away."""
    for hours in ("22:00-07:00", "01:30-02:30", "02:30-01:30"):
        found = quiet_hours.read(hours, BERLIN)
        assert found is not None
        assert 0 <= (found.until(now) - now).total_seconds() <= 25 * 3600


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"quiet": "10 to 7"}, "write quiet hours such as 22:00-07:00"),
        ({"quiet": "25:00-07:00"}, "write quiet hours such as 22:00-07:00"),
        ({"timezone": "Europe/Berlinn"}, "unknown time zone"),
        ({"timezone": "../../etc/passwd"}, "unknown time zone"),
        ({"kinds": ["done", "donne"]}, "there are review, budget"),
        ({"link": "javascript:alert(1)"}, "write the web app's address"),
        ({"link": "https://ada:secret@hq.example"}, "without a user and a password"),
        ({"link": "https://hq.example/\nX"}, "write the web app's address"),
        ({"batch_seconds": -1}, "greater than or equal"),
        ({"url": "json://secret"}, "Extra inputs"),
    ],
)
def test_a_wrong_setting_says_what_would_be_right(words: dict[str, object], says: str) -> None:
    """Each wrong value in [notify] is named; there is no key for addresses."""
    with pytest.raises(WrongValues, match=says):
        NotifyPart.model_validate(words)


def test_urgent_kinds_pass_quiet_hours() -> None:
    """Only those that the fleet names."""
    part = NotifyPart(quiet="22:00-07:00", urgent=(NotificationKind.LOST,))
    night = datetime(2026, 11, 21, 23, tzinfo=UTC)
    assert part.due(NotificationKind.LOST, night) == night
    assert part.due(NotificationKind.DONE, night) == datetime(2026, 11, 22, 7, tzinfo=UTC)


def of(kind: NotificationKind, number: int = 0) -> Notification:
    """A notice."""
    return Notification(
        key=f"m{number}-1-{kind}", kind=kind, title=f"m{number} {kind}", body=f"b{number}.", path="/missions/m"
    )


def test_one_notice_is_told_as_it_is_with_a_link() -> None:
    """Its page where there is a web address, else the command that shows it."""
    found = compose_message([of(NotificationKind.DONE)], key="k", fleet="shop", link="https://hq.example")
    assert (found.title, found.body) == ("m0 done", "b0.\nhttps://hq.example/missions/m")
    assert (
        compose_message([of(NotificationKind.DONE)], key="k", fleet="shop", link="").body
        == "b0.\nshiftbook mission show m"
    )


def test_many_notices_are_one_message_with_what_waits_first() -> None:
    """The title counts, the body lists at most twenty, and says how many more there are."""
    found = compose_message(
        [*(of(NotificationKind.DONE, n) for n in range(30)), of(NotificationKind.REVIEW, 99)],
        key="k",
        fleet="shop",
        link="",
    )
    assert found.title == "shop: 31 things happened, 1 waits for you"
    lines = found.body.splitlines()
    assert lines[0] == "· b99."
    assert len(lines) == MAX_LISTED + 1
    assert lines[-1] == "· and 11 more: `shiftbook notify list`"


def test_a_batch_has_one_key_in_any_order() -> None:
    """So that a message that is sent again is the same message."""
    assert batch_key(["a"]) == "a"
    assert batch_key(["a", "b"]) == batch_key(["b", "a"]) != batch_key(["a", "c"])


@given(st.lists(st.one_of(st.text(max_size=120), st.integers()), min_size=1, max_size=4))
def test_keys_fit_and_are_told_apart(parts: list[object]) -> None:
    """Any parts make a key that the store takes, the same each time."""
    key = key_of(*parts)
    assert len(key) <= MAX_KEY_CHARS
    assert key.isascii()
    assert key.isprintable()
    assert key == key_of(*parts)
    assert key != key_of(*parts, "more")


@given(st.sampled_from(list(NotificationKind)), st.text(max_size=50))
def test_a_notice_comes_back_from_the_store(kind: NotificationKind, words: str) -> None:
    """What is kept is what was found; a kind of a newer version is no reason to stumble."""
    found = Notification(key="k", kind=kind, title=words, body=words, path="/p")
    assert notification.read("k", found.json()) == found
    assert notification.read("k", {**found.json(), "kind": "new"}).title == words
