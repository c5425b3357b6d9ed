"""What a node says while it works: a line for each event, and a sign of life below them on a terminal."""

from __future__ import annotations

import io
import json
import re
import sys
import time

import pytest

from orchestrator.cli.live.event_lines import EventLines, JsonLines
from tests.waiting import until


class Screen(io.StringIO):
    """A terminal, as far as whoever writes to it can tell."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_while_missions_run_a_line_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first second of the oldest on, with their names; it is gone before the next entry, and at the end."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    tell = EventLines()
    tell._sign.period = 0.02
    tell("ready", "desk works")
    time.sleep(0.05)
    assert "working" not in screen.getvalue()
    tell("started", "Fix it, attempt 1", mission="fix")
    tell("started", "Build it, attempt 1", mission="build")
    over = time.monotonic() + 60
    while "· fix, build" not in screen.getvalue() and time.monotonic() < over:
        time.sleep(0.005)
    assert "working" in screen.getvalue()
    tell("failed", "fix, attempt 1: no", mission="fix")
    tell("done", "build, attempt 1", mission="build")
    time.sleep(0.05)
    assert screen.getvalue().count("\r\x1b[K") >= 1
    assert screen.getvalue().splitlines()[-1].count("build, attempt 1")


def test_until_the_first_event_a_line_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node loads what it needs, and makes its database, before it can say a word; the line goes with the first event,
    and with an end before any: what is wrong is then told on a line of its own."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    for end in (lambda tell: tell("ready", "desk works"), lambda tell: tell.close()):
        screen.seek(0)
        screen.truncate()
        tell = EventLines()
        tell._sign.period = 0.02
        tell._sign.begin("starting")
        until(lambda: "starting" in screen.getvalue())
        end(tell)
        shown = screen.getvalue()
        assert "\r\x1b[K" in shown
        assert shown.rpartition("\r\x1b[K")[2].count("starting") == 0


def test_into_a_pipe_go_entries_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And what is told once is told once."""
    tell, records = EventLines(), JsonLines()
    for say in (tell, records):
        say("started", "Fix it", mission="fix")
        say("remote", "away", once=True)
        say("remote", "away", once=True)
    caught = capsys.readouterr()
    assert [line[9:] for line in caught.err.splitlines()] == ["│ started Fix it", "│ remote away"]
    told = [json.loads(line) for line in caught.out.splitlines()]
    assert [(one["event"], one["text"], one.get("mission")) for one in told] == [
        ("started", "Fix it", "fix"),
        ("remote", "away", None),
    ]


def test_a_signal_in_the_middle_of_an_event_is_told_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Its handler runs in the thread that is just writing: it waits for nobody, and nothing is lost."""

    class Interrupted(JsonLines):
        def _write(self, event: str, sentence: str, facts: dict[str, object]) -> None:
            if event == "started":
                self("draining", "Ctrl-C")
            super()._write(event, sentence, facts)

    Interrupted()("started", "a")
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["started", "draining"]


def test_a_long_entry_is_broken_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the margin rule, on a terminal; no line is wider than that."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    words = "limit waits for your look: `shiftbook mission diff limit`, then approve or reject -m"
    EventLines()("folded", words)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()
    assert len(lines) == 3
    assert "`shiftbook mission diff limit`" in lines[1]
    assert all(len(line) <= 60 and line[9:11] == "│ " for line in lines)
    assert " ".join(line[11:] for line in lines) == f"folded {words}"
