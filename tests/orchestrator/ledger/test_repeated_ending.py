"""Is the same ending told once, and is nothing else ever taken out of a mission's file?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.document import append_result
from orchestrator.ledger.repeated_ending import merge_repeated_ending

FILE = "---\ntitle: x\n---\nDo it.\n"
STATES = st.sampled_from(["parked", "released", "failed", "done"])
REASONS = st.sampled_from(["a quota", "the disk of n1 is full: 3.0 MiB free", "the disk of n1 is full: 4.5 MiB free"])
ENDINGS = st.tuples(
    st.sampled_from(["parked", "released", "failed", "done"]),
    st.sampled_from(["n1", "n2"]),
    REASONS,
    st.integers(0, 99),
)


def section(state: str, node: str, reason: str, seconds: int) -> str:
    """What an attempt's end looks like."""
    return f"### Attempt 1 · {state} · {node} · {seconds} s\n\nNot started: {reason}."


def written(text: str, told: str) -> str:
    """The file with one more ending."""
    return append_result(*merge_repeated_ending(text, told))


@given(st.lists(ENDINGS, max_size=12))
def test_runs_of_the_same_ending_become_one_that_says_how_often(ends: list[tuple[str, str, str, int]]) -> None:
    """Same state, node and words, whatever the numbers; what counts as an attempt always has its own section."""
    text, runs = FILE, list[tuple[tuple[str, str, str], str, int]]()
    for state, node, reason, seconds in ends:
        told = section(state, node, reason, seconds)
        text = written(text, told)
        key = (state, node, reason[:10])
        same = bool(runs) and runs[-1][0] == key and state in {"parked", "released"}
        runs = [*runs[:-1], (key, told, runs[-1][2] + 1)] if same else [*runs, (key, told, 1)]
    expected = FILE
    for _, told, count in runs:
        times = f"\n\n- ended like this {count} times in a row" if count > 1 else ""
        expected = append_result(expected, told + times)
    assert text == expected


@given(st.text(), ENDINGS)
def test_a_file_without_such_an_ending_is_left_as_it_is(text: str, end: tuple[str, str, str, int]) -> None:
    """Whatever a person wrote, also where it looks like one."""
    looks = f"{text}\n{section(*end)}\n"
    assert merge_repeated_ending(looks, section(*end)) == (looks, section(*end))


def test_only_the_last_section_counts() -> None:
    """The same ending before another one stands where it is."""
    parked, failed = section("parked", "n1", "a quota", 1), section("failed", "n1", "no", 2)
    text = written(written(written(FILE, parked), failed), parked)
    assert text.count("· parked ·") == 2
    assert "times in a row" not in text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_it_is_known_in_every_kind_of_lines(newline: str) -> None:
    """A file of Windows as well."""
    text = FILE.replace("\n", newline)
    for seconds in range(3):
        text = written(text, section("parked", "n1", "a quota", seconds))
    assert text.count("### Attempt") == 1
    assert text.endswith(f"{newline}{newline}- ended like this 3 times in a row{newline}")
