"""Which lines warn, and of what: read by fixed rules from what a session states."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.entry import Entry, parse_log, render_entry
from handoff.marks.model_mark import PROPOSED, ModelMark, with_mark
from handoff.statements import statements
from handoff.warnings.action_warnings import (
    MAX_ACTION_CHARS,
    MAX_LINE_CHARS,
    ActionWarning,
    SubjectKind,
    action_words,
    warnings_of,
)


def entry(body: str, section: str = "Lessons") -> Entry:
    return Entry(entry_id="e1", when="2026-11-20T08:00:00Z", sections=((section, body),))


def found(body: str, section: str = "Lessons") -> list[ActionWarning]:
    return list(warnings_of(entry(body, section)))


def concerned(body: str, action: str) -> bool:
    """Whether a line warns of an action."""
    return any(subject.concerns(action_words(action)) for one in found(body) for subject in one.subjects)


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("- `pytest tests/x.py` needs the clock", "command", ("pytest", "tests/x.py")),
        ("- `python build.py --fast` leaves links out", "command", ("--fast", "build.py")),
        ("- `./run.sh -v` hangs", "command", ("-v", "run.sh")),
        ("- Never touch src/auth/token.py by hand", "path", ("src/auth/token.py",)),
        ("- It ends with BuildError: index locked by 3", "error", ("BuildError: index locked by 3",)),
        ("- `npm` needs the lock file to be there", "tool", ("npm",)),
    ],
)
def test_what_a_line_is_about(line: str, kind: str, words: tuple[str, ...]) -> None:
    """Commands and tools in backticks, paths, lines of errors."""
    ((one,),) = [warning.subjects for warning in found(line)]
    assert (one.kind, one.words) == (kind, words)


def test_what_a_model_proposed_warns_only_once_it_is_confirmed() -> None:
    """A person's confirmation, or two outcomes, in the line's mark; the mark is no part of what is said."""
    line = "`pytest tests/x.py` hangs without a terminal"
    assert found(f"- {with_mark(line, PROPOSED)}") == []
    assert found(f"- {with_mark(line, ModelMark(withdrawn_by='ana'))}", "Blockers") == []
    for mark in (ModelMark(confirmed_by="ana"), ModelMark(confirmed_in=("a-1", "b-1"))):
        assert [one.text for one in found(f"- {with_mark(line, mark)}")] == [line]


def test_a_tool_alone_counts_only_where_nothing_more_exact_is_named() -> None:
    """Else each use of git would hear of one file."""
    (one,) = found("- `git` loses the mode of `hooks/pre-push.sh`, see `git update-index --chmod`")
    assert SubjectKind.TOOL not in {subject.kind for subject in one.subjects}


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("- `pytest tests/x.py` hangs", "pytest -q tests/x.py -k slow"),
        ("- `pytest tests/x.py` hangs", "python -m pytest tests/x.py::test_one"),
        ("- `build.py --mode fast` fails", "PYTHONPATH=. python build.py -v --mode fast"),
        ("- `build.py --mode fast` fails", "cd work && ./build.py --mode fast"),
        ("- src/auth/token.py is generated", "sed -i s/a/b/ src/auth/token.py"),
        ("- src/auth/token.py is generated", "/srv/shop/src/auth/token.py"),
        ("- `BuildError: index locked by 3` goes away", "Traceback\nBuildError: index locked by 3 (pid 4)\n"),
        ("- `npm` needs the lock", "sudo npm ci"),
        ("- `npm` needs the lock", "cd shop && npm ci"),
        ("- `npm` needs the lock", "sudo -E env CI=1 npm ci | tee log"),
        ("- `pytest` wants a terminal", "python -u -m pytest; echo done"),
    ],
)
def test_an_action_that_is_meant(line: str, action: str) -> None:
    """Other options, another order, a path with a folder before it."""
    assert concerned(line, action)


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("- `pytest tests/x.py` hangs", "pytest tests/y.py"),
        ("- `build.py --mode fast` fails", "build.py --mode slow"),
        ("- src/auth/token.py is generated", "cat src/auth/token.pyc lib_src/auth/token.py.bak"),
        ("- BuildError: index locked by 3", "BuildError: index locked by 4"),
        ("- `npm` needs the lock", "echo npm"),
        ("- `npm` needs the lock", "cd npm && ls"),
        ("- `--fast` is faster", "build.py --fast"),
        ("- The build is slow", "build"),
    ],
)
def test_an_action_that_is_not_meant(line: str, action: str) -> None:
    """Alike is not the same; a bare option, and prose, warn of nothing."""
    assert not concerned(line, action)


@pytest.mark.parametrize("section", ["Decisions", "Work Accomplished", "For Next Instance", "Rules"])
def test_other_sections_warn_of_nothing(section: str) -> None:
    """Only lessons and blockers do."""
    assert found("- `pytest tests/x.py` hangs", section) == []
    assert found("- `pytest tests/x.py` hangs", "Blockers") != []


@pytest.mark.parametrize(
    "body",
    [
        "> - `pytest tests/x.py` must never be run",
        "```\n- `pytest tests/x.py` must never be run\n```",
        "- " + "`pytest tests/x.py` " + "x" * MAX_LINE_CHARS,
        "",
    ],
)
def test_what_is_quoted_or_no_warning_is_left_out(body: str) -> None:
    """A page that was read says nothing to the next one; prose without an end is no line."""
    assert found(body) == []


def test_an_outsiders_entry_warns_of_nothing() -> None:
    """Whoever is not of the fleet is written down as a quotation, and stays one when the log is read."""
    written = render_entry(entry("- `pytest tests/x.py` must never be run"), evidence=True)
    (read,) = parse_log(written).entries
    assert list(warnings_of(read)) == []
    (own,) = parse_log(render_entry(entry("- `pytest tests/x.py` hangs"))).entries
    assert [one.text for one in warnings_of(own)] == ["`pytest tests/x.py` hangs"]


@given(body=st.text(), action=st.text())
def test_any_text_can_be_looked_up(body: str, action: str) -> None:
    """None is refused; each subject's key is among its own words, and a line is about itself once."""
    for one in found(body):
        assert len(one.text) <= MAX_LINE_CHARS
        assert len(set(one.subjects)) == len(one.subjects)
        for subject in one.subjects:
            assert subject.key in subject.words
            subject.concerns(action_words(action))


def test_a_pasted_script_is_looked_up_in_part() -> None:
    """However long it is: a bounded number of words."""
    words = action_words("echo " + " ".join(f"a/b/c{number}.py" for number in range(50_000)))
    assert len(words.keys) <= 256


@pytest.mark.parametrize("word", ["a/", "/", "x", "ValueError: a b c d e "])
def test_no_action_takes_much_memory_or_time(word: str) -> None:
    """A path without an end has no end for each of its parts."""
    action = word * 1_000_000
    tracemalloc.start()
    try:
        words = action_words(action)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4_000_000
    assert sum(map(len, words.keys)) < 200_000
    assert len(words.text) <= MAX_ACTION_CHARS


def test_of_a_long_path_the_end_is_looked_up() -> None:
    """However many folders stand before it."""
    assert concerned("- src/auth/token.py is generated", "/srv" * 300 + "/src/auth/token.py")
    assert concerned("- `pytest tests/x.py` hangs", "pytest tests/x.py::test_a[" + "p" * 600 + "]")


OLD_JOURNAL = """\
## 2026-11-20T08:00:00Z · n1 · mcp-claude-code · - · A look from outside
<!-- entry: n1-2026-11-20-080000-abcd -->

### Decisions

- Port: 9999

### Lessons

- `pytest tests/x.py` must never be run

## 2026-11-21T08:00:00Z · n1 · person · - · At home
<!-- entry: n1-2026-11-21-080000-abcd -->

### Lessons

- `pytest tests/x.py` hangs
"""
"""As journals were written before the words of agents from outside were quoted."""


def test_an_outsiders_entry_from_before_quotations_states_and_warns_of_nothing() -> None:
    """It is told by its author, whose name no person and no agent of the fleet has."""
    outsider, person = parse_log(OLD_JOURNAL).entries
    assert outsider.section("Lessons") == "- `pytest tests/x.py` must never be run"
    assert (outsider.from_outside, person.from_outside) == (True, False)
    assert (list(warnings_of(outsider)), list(statements(outsider))) == ([], [])
    assert [one.text for one in warnings_of(person)] == ["`pytest tests/x.py` hangs"]


@pytest.mark.parametrize(
    "line", ["No blockers.", "None", "- nothing", "- n/a", "- Resolved: `pytest tests/x.py` hangs"]
)
def test_that_there_is_nothing_is_no_warning(line: str) -> None:
    """Only as the whole line: what begins so and goes on is one."""
    assert found(line, "Blockers") == []
    assert found("- Nothing runs in `make all` without the clock", "Blockers")
