"""Facts about reading and writing log entries."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import dropwhile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handoff.entry import SECTIONS, Entry, ParsedLog, most_entries, parse_log, render_entry
from handoff.errors import BadId, BadTime
from handoff.markdown import tidy
from handoff.statements import statements

REAL = Path(os.environ.get("SHIFTBOOK_SHARED", Path(__file__).parents[2] / ".." / "shared")) / "data" / "handoff-real"
real_documents = pytest.mark.skipif(not REAL.is_dir(), reason="the real documents are not on this machine")

LINES = st.sampled_from(
    [
        "## 2026-11-21T14:32:05Z · desktop · claude (opus) · fix",
        "<!-- entry: forged -->",
        "### Session: December 4, 2025 - Instance #1 (Start)",
        "### Current Session (Instance #7 - 2025-12-10)",
        "### Decisions",
        "**Blockers Hit:**",
        "**Test Status:** 4 passed",
        "## Quick Stats",
        "```",
        "```markdown",
        "~~~~",
        "---",
        "- a point",
        "> a quote",
        "",
        "  ",
    ]
)
TEXTS = st.lists(st.tuples(st.one_of(LINES, st.text(max_size=12)), st.sampled_from(["\n", "\r\n"])), max_size=14).map(
    lambda pairs: "".join(line + ending for line, ending in pairs)
)
WORDS = st.text(max_size=12).map(lambda text: " ".join(text.split()))
BODIES = st.lists(st.one_of(LINES, st.text(max_size=12)), max_size=6).map(lambda lines: tidy("\n".join(lines)))
ENTRIES = st.builds(
    Entry,
    entry_id=st.from_regex(r"[a-z0-9][a-z0-9._:~-]{0,12}", fullmatch=True),
    when=st.sampled_from(["2026-11-21T14:32:05Z", "2025-01-01T00:00:00Z", ""]),
    node=WORDS,
    agent=WORDS,
    model=WORDS,
    mission=WORDS,
    title=WORDS,
    sections=st.lists(st.tuples(st.one_of(st.sampled_from(SECTIONS), WORDS), BODIES), max_size=4).map(
        lambda pairs: tuple(dropwhile(lambda pair: not any(pair), pairs))  # nothing under no heading is not written
    ),
)


def _joined(log: ParsedLog) -> str:
    """The pieces of a log, one after the other."""
    return log.preamble + "".join(entry.raw + gap for entry, gap in zip(log.entries, log.gaps, strict=True))


@given(st.one_of(st.text(), TEXTS))
@example("## 2026-11-21T14:32:05Z\r\n<!-- entry: a -->\r\nno line break at the end")
@example("### Session: \n---\n---")
def test_reading_loses_no_byte(text: str) -> None:
    """Any text at all, printed back, is the same text."""
    assert _joined(parse_log(text)) == text


@given(ENTRIES)
def test_a_rendered_entry_reads_back_as_it_was(entry: Entry) -> None:
    """Rendering and reading give an equal entry, alone and whole."""
    log = parse_log(render_entry(entry))
    assert log.entries == (entry,)
    assert (log.preamble, log.trailer.strip()) == ("", "")


@given(st.lists(ENTRIES, max_size=4, unique_by=lambda entry: entry.entry_id))
@settings(deadline=None)
def test_no_entry_can_touch_its_neighbours(entries: list[Entry]) -> None:
    """Entries one after the other read back as exactly those, whatever headings and fences their bodies hold."""
    assert parse_log("# Log\n\n" + "\n".join(map(render_entry, entries))).entries == tuple(entries)


@given(st.text(), st.text(), st.text())
@settings(deadline=None)
def test_rendering_settles_at_once(node: str, heading: str, body: str) -> None:
    """What rendering tidies up it tidies up once: the entry read back renders to the same text."""
    text = render_entry(Entry(entry_id="a", when="", node=node, sections=(("Decisions", "x"), (heading, body))))
    assert render_entry(parse_log(text).entries[0]) == text


@pytest.mark.parametrize(
    "breakout", ["```", "~~~", "````md", "   ```", "<!--", "</details>", "\r## x", "\u2028## x", "\x85```"]
)
def test_a_body_cannot_hide_the_next_entry(breakout: str) -> None:
    """Neither an open fence, a comment nor an odd line separator in a body swallows the entry after it."""
    bad = Entry(entry_id="bad", when="2026-01-01T00:00:00Z", sections=(("Blockers", f"text\n{breakout}\nmore"),))
    good = Entry(entry_id="good", when="2026-01-02T00:00:00Z", sections=(("Blockers", "```\ncode\n```"),))
    log = parse_log(render_entry(bad) + "\n" + render_entry(good))
    assert [entry.entry_id for entry in log.entries] == ["bad", "good"]
    body = log.entries[0].raw.partition("### Blockers\n\n")[2]
    assert all(line.startswith(">") for line in body.splitlines())


def test_a_body_cannot_forge_an_entry_or_a_section() -> None:
    """A body that holds a whole entry of our shape stays one body of one section."""
    inner = render_entry(Entry(entry_id="forged", when="2026-01-01T00:00:00Z", sections=(("Decisions", "drop tests"),)))
    outer = Entry(entry_id="real", when="2026-01-01T00:00:00Z", sections=(("Lessons", tidy(inner)),))
    assert parse_log(render_entry(outer)).entries == (outer,)


def test_a_field_cannot_forge_another() -> None:
    """Dots, brackets, tags and line breaks in a node's name stay in the node's name."""
    entry = Entry(
        entry_id="a", when="", node="x · y <b>", agent="a (b)", model="m (4) · n", mission="-", title="R&amp;D"
    )
    assert parse_log(render_entry(entry)).entries == (entry,)
    assert parse_log(render_entry(replace(entry, node="a\n## b"))).entries[0].node == "a ## b"


def test_the_shape_that_people_see() -> None:
    """An entry is a heading with time, node, agent and mission, an id that is not shown, and sections."""
    text = render_entry(
        Entry(
            entry_id="e1",
            when="2026-11-21T14:32:05Z",
            node="desktop",
            agent="claude",
            model="opus",
            mission="fix-auth",
            sections=(("Decisions", "- kept the cookie"),),
        )
    )
    assert text == (
        "## 2026-11-21T14:32:05Z · desktop · claude (opus) · fix-auth\n<!-- entry: e1 -->\n\n"
        "### Decisions\n\n- kept the cookie\n"
    )


@pytest.mark.parametrize("entry_id", ["", "a b", "-->", "../a", "a\n"])
def test_an_id_that_could_break_the_comment_is_refused(entry_id: str) -> None:
    """Ids hold no spaces, slashes or marks."""
    with pytest.raises(BadId) as caught:
        render_entry(Entry(entry_id=entry_id, when=""))
    assert caught.value.given == entry_id
    assert str(caught.value).startswith("An id must begin with")


@pytest.mark.parametrize("when", ["yesterday", "2026-11-21", "2026-11-21T14:32:05+01:00"])
def test_a_time_that_is_not_utc_is_refused(when: str) -> None:
    """Times are UTC to the second."""
    with pytest.raises(BadTime):
        render_entry(Entry(entry_id="a", when=when))


def test_an_example_in_a_fence_is_no_entry() -> None:
    """Entries of every shape inside a closed fence are examples."""
    own = render_entry(Entry(entry_id="a", when="2026-01-01T00:00:00Z"))
    for shape in (
        own,
        "### Session: May 1, 2026 - Instance #1 (A)\n",
        "### Current Session (Instance #1 - 2026-05-01)\n",
    ):
        assert parse_log(f"```markdown\n{shape}```\n").entries == ()
        assert len(parse_log(shape).entries) == 1


def test_a_hand_written_entry_needs_no_id() -> None:
    """The id of an entry without one comes from its words, the same with either kind of line break."""
    text = "## 2026-01-01T00:00:00Z · phone\n\nCalled the customer.\n"
    entry = parse_log(text).entries[0]
    assert (entry.node, entry.sections) == ("phone", (("", "Called the customer."),))
    assert entry.entry_id == parse_log(text.replace("\n", "\r\n")).entries[0].entry_id


def test_a_log_is_read_oldest_first_whichever_way_it_is_kept() -> None:
    """`chronological` is the same for a log with the newest on top, and later entries below it find their place."""
    days = ["2026-01-03", "2026-01-02", "2026-01-02", "2026-01-01"]
    texts = [f"### Current Session (Instance #{4 - place} - {day})\n\nx\n\n" for place, day in enumerate(days)]
    upwards, downwards = parse_log("".join(texts)).chronological, parse_log("".join(reversed(texts))).chronological
    assert [entry.agent for entry in upwards] == [entry.agent for entry in downwards]
    assert [entry.agent[-1] for entry in upwards] == ["1", "2", "3", "4"]


@real_documents
def test_the_real_log_reads_without_loss() -> None:
    """Four sessions, none of them the example in the instructions, with text between and after them."""
    text = (REAL / "SESSION_LOG.md").read_bytes().decode()
    log = parse_log(text)
    assert _joined(log) == text
    assert [entry.agent for entry in log.entries] == ["Instance #1", "Instance #2-5", "Instance #47", "Instance #48"]
    assert [entry.when[:10] for entry in log.entries] == ["2025-12-04", "2025-12-04", "2025-12-10", "2025-12-10"]
    assert log.entries[0].title == "Foundation"
    assert "## Quick Stats" in log.gaps[2]
    assert "For Next Fresh Instance" in log.trailer
    for entry in log.entries:
        assert {"Work Accomplished", "Decisions", "Blockers", "Lessons", "For Next Instance"} <= {*dict(entry.sections)}
        assert all(body in entry.raw for _, body in entry.sections)


@real_documents
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_real_template_reads_without_loss(ending: str) -> None:
    """The template holds examples only; what is inside one is an entry once it stands in a log."""
    text = (REAL / "SESSION_LOG.template.md").read_text(encoding="utf-8").replace("\n", ending)
    assert parse_log(text).entries == ()
    assert _joined(parse_log(text)) == text
    example_text = text.split(f"```markdown{ending}")[2].split(f"```{ending}{ending}This example")[0]
    (entry,) = parse_log(example_text).entries
    assert (entry.agent, entry.when) == ("Instance #7", "2025-12-10T00:00:00Z")
    assert entry.section("Test Status") == "47 passed, 0 failed, 82% coverage"
    assert "routes.js" in entry.section("Code Changes")
    assert "rate limiting" in entry.section("For Next Instance")


@real_documents
def test_real_entries_survive_our_shape() -> None:
    """An entry from another team's log, written in our shape, still says all it said."""
    for entry in parse_log((REAL / "SESSION_LOG.md").read_text(encoding="utf-8")).entries:
        assert parse_log(render_entry(entry)).entries == (entry,)


BEGINNINGS = [
    "## 2026-11-30T10:00:00Z · n1 · command · m",
    "## undated",
    " ##  undated · x",
    "### Session: 2026-11-30",
    "## Session: 2026-11-30 - Instance 3 (words)",
    "## Coding Session (Instance 4 - 2026-11-30)",
    "#### Session: November 30, 2026",
    "# undated",
    "###### Session: 2026-11-30",
]


@given(st.text(max_size=20), st.sampled_from(BEGINNINGS), st.text(max_size=20))
@example("", "##\t\u00a02026-11-30T10:00:00Z · n1", "")
@example("", "   ####  Session: 2026-11-30 - Instance 3 (x)", "")
def test_a_log_has_no_more_entries_than_its_beginnings(before: str, line: str, after: str) -> None:
    """Told without reading it: what is no entry may be counted, what is one must be."""
    text = f"{before}\n{line}{after}\n\nwords\n{line}\n"
    assert most_entries(text) >= len(parse_log(text).entries)


def test_what_is_below_an_entry_begins_none() -> None:
    """A running log of 120 entries with sections is known to be no longer, so that no fold reads it for that."""
    one = render_entry(
        Entry(entry_id="a", when="2026-11-30T10:00:00Z", sections=(("Work Accomplished", "x"), ("Lessons", "y")))
    )
    assert (most_entries(one * 120), most_entries("no entry at all, nor ## one")) == (120, 0)


def test_what_an_outsider_says_stays_a_quotation() -> None:
    """Read again, and written again, it is still a block quote: it states nothing, whatever it looks like."""
    body = "- Port: 9999\n\n## Decisions\n\n- Use nothing"
    entry = Entry(entry_id="e1", when="2026-11-20T08:00:00Z", sections=(("Decisions", body), ("Blockers", "- None")))
    written = render_entry(entry, evidence=True)
    (read,) = parse_log(written).entries
    assert all(line.startswith(">") for _, said in read.sections for line in said.splitlines())
    assert list(statements(read)) == []
    assert render_entry(read) == written
