"""What a person reads of missions and nodes, on wide and narrow terminals and in a pipe."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from orchestrator.cli import terminal
from orchestrator.cli.fleet.membership import short_key
from orchestrator.cli.fleet.nodes import node_row
from orchestrator.cli.mission.listing import mission_line, mission_row
from orchestrator.ledger.node_pages import Presence
from orchestrator.workflow.mission_view import MissionView

BEGAN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
QUEUED = MissionView(
    name="fix-the-login", title="Fix the log-in", status="queued", path="missions/x.md", task="", agent="claude"
)
DONE = replace(
    QUEUED,
    status="done",
    project="shop",
    node="desk",
    attempt=2,
    started=BEGAN,
    finished=BEGAN + timedelta(minutes=3),
    cost_usd=0.4,
    reason="approved by ada",
)
BROKEN = replace(QUEUED, status="quarantined", line=3, reason="“agent” is no agent", hint="name one that there is")
LONG = replace(QUEUED, title="日本語 and a long title " * 12, status="review", reason="waits " * 60)
NODE = Presence(
    name="desk",
    role="LOCAL_WORKER",
    capabilities=("gpu", "local-files"),
    agents=("claude", "command"),
    version="0.1.0",
    state="live",
    moved=None,
    works_on=("fix-the-login",),
    disk="20 GB free; of 100",
)


def page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rows: list[terminal.Row], width: int | None
) -> list[str]:
    """The lines that are printed at a width; None: into a pipe, where nobody said how wide it is."""
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    if width is not None:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("FORCE_COLOR", "1")
    terminal.print_rows(rows)
    return capsys.readouterr().out.splitlines()


def plain(line: str) -> str:
    """A line without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def words(lines: list[str]) -> str:
    """What the entries say, whatever lines they are broken into."""
    return " ".join(" ".join(plain(line).partition("│")[2].split()) for line in lines)


def test_a_finished_mission_as_a_colleague_would_say_it() -> None:
    """Who did what where, how often it was tried, how long it took, what it cost and why it is as it is."""
    when, title, detail, status = mission_row(DONE)
    assert when == terminal.clock_time(DONE.finished)
    assert (title, status) == ("Fix the log-in", "done")
    assert detail == "fix-the-login · shop · claude on desk · attempt 2 · 3 min · $0.40 · approved by ada"


def test_a_broken_mission_says_where_and_what_to_do() -> None:
    """The line, the reason, and below it the remedy; no agent, which nobody chose yet."""
    assert mission_row(BROKEN) == (
        "",
        "Fix the log-in",
        "fix-the-login · line 3: “agent” is no agent\n→ name one that there is",
        "quarantined",
    )


def test_a_mission_that_waits_says_little() -> None:
    """No time, no node, no attempt and no cost, where there are none."""
    assert mission_row(QUEUED) == ("", "Fix the log-in", "fix-the-login · claude", "queued")


def test_a_node_says_what_it_does_and_can() -> None:
    """Its role in a word, what it works on, its agents, capabilities, room on its disk and version."""
    assert node_row(NODE) == (
        "",
        "desk · worker",
        "works on fix-the-login · claude, command · gpu, local-files · 20 GB free · 0.1.0",
        "live",
    )
    stopped = node_row(replace(NODE, works_on=(), disk="", moved=None, state="stopped"))
    assert stopped[2] == "claude, command · gpu, local-files · 0.1.0"  # it is not idle: it does nothing
    idle = node_row(replace(NODE, role="", works_on=(), disk="", state="unknown"))
    assert idle[1:3] == ("desk · unknown role", "not seen to move yet · claude, command · gpu, local-files · 0.1.0")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_entries_keep_to_the_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    """No line passes the right edge, beside the one rule; states end there in full, long titles are cut."""
    rows = [mission_row(view) for view in (QUEUED, DONE, BROKEN, LONG)] + [node_row(NODE)]
    lines = page(monkeypatch, capsys, rows, width)
    edge = min(width, 100) - 1
    assert max(cell_len(plain(line)) for line in lines) == edge
    assert {plain(line).index("│") for line in lines} == {8}
    states = [plain(line) for line in lines if re.search(r"(queued|done|quarantined|for you|live)$", plain(line))]
    assert {cell_len(line) for line in states} == {edge}
    assert [line.split("  ")[-1].strip() for line in states[:3]] == ["queued", "done", "quarantined"]
    assert states[3].endswith("…  waits for you")
    assert not any(plain(line).endswith(" ") for line in lines)
    assert states[4].endswith("live")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_word_of_a_detail_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    """What stands below a title is broken into lines between words, never cut."""
    rows = [mission_row(view) for view in (DONE, BROKEN, LONG)] + [node_row(NODE)]
    said = words(page(monkeypatch, capsys, rows, width))
    for _, _, detail, _ in rows:
        assert " ".join(detail.split()) in said


def test_a_pipe_gets_one_line_for_each(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The name first, then the state, parted by tabs; nothing is wrapped, padded or coloured as on a terminal."""
    rows = [mission_row(view) for view in (DONE, BROKEN, LONG)]
    shown = page(monkeypatch, capsys, rows, 80)
    page(monkeypatch, capsys, [], None)
    terminal.print_rows(rows, lines=[mission_line(view) for view in (DONE, BROKEN, LONG, QUEUED)])
    piped = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[:2] for line in piped] == [
        ["fix-the-login", "done"],
        ["fix-the-login", "quarantined"],
        ["fix-the-login", "review"],
        ["fix-the-login", "queued"],
    ]
    assert piped[0].split("\t")[2:] == [
        "2026-11-21T12:03:00+00:00",
        "Fix the log-in",
        "shop · claude on desk · attempt 2 · 3 min · $0.40 · approved by ada",
    ]
    assert "\x1b" not in "".join(piped)
    assert not any(line.endswith((" ", "\t")) for line in piped)
    assert "\x1b" in "".join(shown)


def test_colours_go_where_nobody_wants_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """NO_COLOR takes the colours, TERM=dumb every code."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    for name, value, gone in (("NO_COLOR", "1", "38;"), ("TERM", "dumb", "\x1b")):
        with monkeypatch.context() as there:
            there.setenv(name, value)
            terminal.print_rows([mission_row(DONE)])
        assert gone not in capsys.readouterr().out
    terminal.print_rows([mission_row(DONE)])
    assert "\x1b" in capsys.readouterr().out


def test_a_title_of_two_lines_is_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """So that its state stands beside it; a tab and a code in it move nothing."""
    for width in (80, None):
        lines = page(monkeypatch, capsys, [("", "two\nlines\tand \x1b[31mred", "", "done")], width)
        assert len(lines) == 1
        assert re.search(r"two lines and \\x1b\[31mred\s+done$", plain(lines[0]))


@pytest.mark.parametrize("width", [60, 80, 200])
def test_short_facts_stand_in_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    """Each as wide as its widest, also in other scripts; what passes the edge is cut and ends with an ellipsis."""
    page(monkeypatch, capsys, [], width)
    terminal.print_columns([("ada", "admin, author", "k" * 90), ("日本語", "node", "ssh-ed25519 …abc")])
    first, second = (plain(line) for line in capsys.readouterr().out.splitlines())
    assert cell_len(first) == min(width, 100)
    assert first.endswith("…")
    assert cell_len(first.partition("admin")[0]) == cell_len(second.partition("node")[0]) == 8
    page(monkeypatch, capsys, [], None)
    terminal.print_columns([("ada", "admin, author", "k" * 90)])
    assert capsys.readouterr().out == f"ada\tadmin, author\t{'k' * 90}\n"


def test_a_key_is_known_by_its_end() -> None:
    """Its beginning is that of all of its kind; a short one stays, and a comment goes."""
    assert short_key(f"ssh-ed25519 AAAA{'B' * 40}0123456789ab ada@desk") == "ssh-ed25519 …0123456789ab"
    assert short_key("ssh-ed25519 AAAA") == "ssh-ed25519 AAAA"
