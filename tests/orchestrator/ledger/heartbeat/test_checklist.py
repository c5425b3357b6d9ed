"""Is each line of HEARTBEAT.md read as it is meant, and told instead of guessed where it is not understood?"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.app.ledger_templates import HEARTBEAT
from orchestrator.core.roles import Role
from orchestrator.ledger.heartbeat.cadence import EACH_TURN, read_cadence, turn_start
from orchestrator.ledger.heartbeat.checklist import (
    EACH_NODE,
    FLEET,
    MAX_BYTES,
    MAX_LINES,
    MAX_PROBLEMS,
    ChecklistLine,
    read_checklist,
)

GIB = 1024**3


def line(text: str, heading: str = "Every beat") -> ChecklistLine:
    """The one line that a text is."""
    read = read_checklist(f"# Heartbeat\n\n## {heading}\n\n- {text}\n".encode())
    assert read.problems == ()
    (one,) = read.lines
    return one


def told(text: str, heading: str = "Every beat") -> str:
    """Why a line is not followed."""
    read = read_checklist(f"## {heading}\n- {text}\n".encode())
    assert read.lines == ()
    (one,) = read.problems
    assert one.number == 2
    return one.says


@pytest.mark.parametrize(
    ("text", "probe", "numbers"),
    [
        ("disk", "disk", {"bytes": 5 * GIB}),
        ("Disk space below 20 GB.", "disk", {"bytes": 20 * GIB}),
        ("free disk under 10 %", "disk", {"percent": 10}),
        ("queue", "queue", {"seconds": 3600}),
        ("check the queue older than 30 minutes", "queue", {"seconds": 1800}),
        ("missions waiting longer than 2 days", "queue", {"seconds": 172_800}),
        ("silent nodes", "nodes", {"seconds": 900}),
        ("Are there any stale nodes?", "nodes", {"seconds": 900}),
        ("nodes: offline nodes for 1 hour", "nodes", {"seconds": 3600}),
        ("results waiting longer than 1.5 h", "results", {"seconds": 5400}),
        ("reviews due", "reviews", {}),
        ("broken missions", "broken", {}),
        ("repositories behind", "repositories", {"count": 0}),
        ("clones behind by more than 12 commits", "repositories", {"count": 12}),
    ],
)
def test_phrases_mean_probes(text: str, probe: str, numbers: dict[str, float]) -> None:
    """In several wordings, with the numbers that they name or the usual ones."""
    request = line(text).request
    assert (request.probe, dict(request.numbers)) == (probe, numbers)


@pytest.mark.parametrize(
    ("text", "scope", "node", "role"),
    [
        ("disk", EACH_NODE, "", None),
        ("silent nodes", FLEET, "", None),
        ("one node: disk", FLEET, "", None),
        ("each node: queue", EACH_NODE, "", None),
        ("HQ: silent nodes", EACH_NODE, "", Role.HEADQUARTERS),
        ("workers: disk", EACH_NODE, "", Role.LOCAL_WORKER),
        ("desk-1: disk below 1 TB", EACH_NODE, "desk-1", None),
        ("Desktop: disk", EACH_NODE, "desktop", None),
    ],
)
def test_a_line_says_who_looks(text: str, scope: str, node: str, role: Role | None) -> None:
    """A node, a role, each node or one of them; else what fits the probe."""
    read = line(text)
    assert (read.scope, read.node, read.role) == (scope, node, role)
    assert read.concerns("desktop", Role.LOCAL_WORKER) == (
        node in {"", "desktop"} and scope == EACH_NODE and role in {None, Role.LOCAL_WORKER}
    )


def test_a_line_may_end_in_a_mission() -> None:
    """By an arrow, with a project and a budget of its own; a question is one."""
    read = line("results waiting longer than 3 days -> mission: Say what waits, and why. (project shop, budget $0.20)")
    assert (read.request.probe, read.prompt, read.project, read.budget_usd) == (
        "results",
        "Say what waits, and why.",
        "shop",
        0.2,
    )
    asked = line("ask: Does the briefing of shop still hold? (project: shop)")
    assert (asked.request.probe, asked.prompt, asked.project) == (
        "ask",
        "Does the briefing of shop still hold?",
        "shop",
    )
    assert line("ask: Is it (really) true?").prompt == "Is it (really) true?"
    assert line("disk → Clean the caches").prompt == "Clean the caches"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("dsik below 5 GB", "did you mean disk?"),
        ("queue older than yesterday", "write it as “queue older than 2 hours”"),
        ("make coffee", "nothing here looks at this"),
        ("disk below 5 GB and the queue", "write it as “disk below 5 GB”"),
        ("disk ->", "what the mission is to do"),
        ("disk (budget $1)", "are those of a mission"),
        ("ask:", "write the question"),
        ("ask: one? -> two", "a question is a mission already"),
        ("command backup --force", "a command takes no words from here"),
        ("command ../../bin/sh", "small letters, digits and hyphens"),
        ("command `rm -rf /`", "takes no words"),
        ("probe $(reboot)", "small letters, digits and hyphens"),
        ("the shop's node: disk", "nothing here looks at this"),
        ("my node: disk", "is no node"),
        ("disk below 5\u202e BG", "cannot be seen"),
        ("disk " + "x" * 600, "more than 500 characters"),
    ],
)
def test_what_is_not_understood_is_told_with_its_line(text: str, why: str) -> None:
    """And with what was probably meant; nothing is guessed."""
    assert why in told(text)


@pytest.mark.parametrize(
    ("heading", "cron"),
    [
        ("Every beat", EACH_TURN),
        ("each turn:", EACH_TURN),
        ("Hourly", "0 * * * *"),
        ("every hour", "0 * * * *"),
        ("Every 15 minutes", "*/15 * * * *"),
        ("Every 6 hours", "0 */6 * * *"),
        ("Daily", "0 0 * * *"),
        ("Daily at 07:30", "30 7 * * *"),
        ("Every day (7:05)", "5 7 * * *"),
        ("Weekly", "0 0 * * 1"),
        ("Weekly on Friday at 18:00", "0 18 * * 5"),
        ("Every Monday at 9:00", "0 9 * * 1"),
        ("Monthly", "0 0 1 * *"),
        ("Cron: 0 7 * * 1-5", "0 7 * * 1-5"),
    ],
)
def test_headings_say_how_often(heading: str, cron: str) -> None:
    """In words, or as a line of cron."""
    assert read_cadence(heading).line == cron


@pytest.mark.parametrize(
    "heading", ["Sometimes", "Every 7 minutes", "Every 0 hours", "Daily at 25:00", "Cron: 0 7 * *", "Cron: 99 * * * *"]
)
def test_a_heading_that_says_nothing_is_told_once(heading: str) -> None:
    """And nothing below it is done, until the next one."""
    read = read_checklist(f"## {heading}\n- disk\n- queue\n## Daily\n- reviews due\n".encode())
    assert [one.request.probe for one in read.lines] == ["reviews"]
    assert [one.number for one in read.problems] == [1]


def test_turns_begin_for_all_at_the_same_moment() -> None:
    """Whenever a node was started: a function of the wall clock."""
    now = datetime(2026, 11, 21, 12, 47, 3, tzinfo=UTC)
    assert turn_start(30, now) == datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
    each = read_cadence("Every beat")
    assert each.last_due("UTC", 30, now) == turn_start(30, now)
    assert each.next_due("UTC", 30, now) == datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
    daily = read_cadence("Daily at 07:30")
    assert daily.last_due("Europe/Berlin", 30, now) == datetime(2026, 11, 21, 6, 30, tzinfo=UTC)
    assert daily.next_due("Europe/Berlin", 30, now) == datetime(2026, 11, 22, 6, 30, tzinfo=UTC)


def test_what_a_reader_of_the_page_does_not_see_is_not_done() -> None:
    """Comments and blocks of code hold examples; prose, other lists' boxes and numbers are as in any Markdown."""
    text = """# Heartbeat

Some words. Not a line.

<!-- - disk
- queue -->
## Daily <!-- at night -->
```
- silent nodes
```
* [ ] disk
1. reviews due
  + broken missions
"""
    read = read_checklist(text.encode())
    assert [(one.number, one.request.probe) for one in read.lines] == [(11, "disk"), (12, "reviews"), (13, "broken")]
    assert read.problems == ()


def test_the_template_of_a_new_ledger_asks_for_nothing_and_is_understood() -> None:
    """Its headings are cadences."""
    read = read_checklist(HEARTBEAT.encode())
    assert (read.lines, read.problems) == ((), ())


def test_the_same_line_twice_is_told() -> None:
    """In two cadences it is two lines, and a line keeps its name wherever it stands."""
    read = read_checklist(b"## Daily\n- disk\n- disk\n## Hourly\n- disk\n")
    assert [one.number for one in read.lines] == [2, 5]
    assert "line 2 already" in read.problems[0].says
    moved = read_checklist(b"# T\n\nwords\n\n## Daily\n\n- disk\n")
    assert moved.lines[0].ident == read.lines[0].ident


def test_what_stands_below_the_mark_of_nodes_is_no_part_of_it() -> None:
    """Whoever writes there is not who must be trusted for the file."""
    read = read_checklist(b"## Daily\n- disk\n<!-- shiftbook: nodes write below this line -->\n- queue\n")
    assert [one.request.probe for one in read.lines] == ["disk"]
    headed = read_checklist(b"---\nnode: x\n---\n## Daily\n- disk\n")
    assert [one.number for one in headed.lines] == [5]


def test_a_file_that_is_too_large_or_broken_is_not_followed() -> None:
    """Nothing of it, and it says so once."""
    for data in (b"## Daily\n- disk\n" + b"x" * MAX_BYTES, b"## Daily\n- disk\n\xff", b"---\nopen: [\n- disk\n"):
        read = read_checklist(data)
        assert read.lines == ()
        assert len(read.problems) == 1
    assert read_checklist(None) == read_checklist(b"")


def test_its_lines_and_problems_are_bounded() -> None:
    """What is more than a person would write is told, and costs no time."""
    lines = "".join(f"- queue older than {n} h\n" for n in range(1, 300))
    read = read_checklist(f"## Daily\n{lines}".encode())
    assert len(read.lines) == MAX_LINES
    assert len(read.problems) == MAX_PROBLEMS


@pytest.mark.parametrize("part", ["# ", "<!--", "<!---->", "- ", " ", "(", "a: ", "-> ", "`", "#\t", "9) "])
def test_no_text_takes_long(part: str) -> None:
    """Whatever is repeated up to the limit, in one line or in many, is read within a second of processor time."""
    for text in (part * (MAX_BYTES // len(part)), f"## Daily\n- {part * 4000}", f"## {part}\n- {part}\n" * 2000):
        began = time.process_time()
        read_checklist(text.encode()[:MAX_BYTES])
        assert time.process_time() - began < 1.0


@given(st.text(alphabet="#-*[]()<!>:`\n disk aquewr0→9é\u202e\x00$%", max_size=300))
def test_any_text_is_read(text: str) -> None:
    """Nothing raises, each line is a probe that is known, and none holds what a shell could read but as words."""
    read = read_checklist(f"## Daily\n{text}".encode())
    assert all(one.text.isprintable() and one.ident for one in read.lines)
    assert all(each.text.isprintable() for each in read.problems)
