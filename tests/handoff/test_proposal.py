"""Does a proposal say exactly what it would do, and take exactly what is ticked?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.briefing import Add, Delta, Resolve, Update
from handoff.errors import ProposalUnreadable
from handoff.facts import DroppedChange
from handoff.open_items import Recurring, Reversal
from handoff.proposal import describe_counts, read_page, remarks, render_page
from handoff.review import BriefingProposal, StaleItem

UPTO = "ab" * 20
DELTAS: tuple[Delta, ...] = (
    Add(item_id="a1", section="Next steps", text="Measure --> it <!-- x", cites=("e1", "e2")),
    Update(item_id="u1", was="Port: 1", text="Port: 2", cites=("e3",), mark="*(proposed by a model)*"),
    Resolve(item_id="r1", was="The server -- is down", cites=("e4",)),
)


def of(*deltas: Delta) -> BriefingProposal:
    return BriefingProposal(
        deltas=deltas,
        repeated_blockers=(Recurring(text="No key", cites=("e1", "e2")),),
        reversed_decisions=(Reversal(before="Use A", after="Use B", before_cites=("e1",), after_cites=("e2",)),),
        untaken_steps=(Recurring(text="Write it down", cites=("e1",)),),
        stale=(StaleItem(item_id="i", text="See a.py", why="no such file: a.py"),),
        dropped_with_reason=(
            DroppedChange(text="Port: 3", cites=("e5",), reason="number not in the entries cited: 3"),
        ),
    )


def test_a_page_reads_back_as_what_was_proposed() -> None:
    """Every change with its tick, and the commit up to which it was made; remarks are for the eye only."""
    page = render_page(of(*DELTAS), name="shop", upto=UPTO, entries=("e1", "e2"))
    read = read_page(page)
    assert (read.wanted, read.unwanted, read.upto) == (DELTAS, frozenset(), UPTO)
    for words in (
        "2 entries",
        "No key (e1, e2)",
        "Use A → Use B",
        "Write it down",
        "no such file",
        "left out: Port: 3",
    ):
        assert words in page


def test_a_tick_taken_out_is_kept_out() -> None:
    """Also when the page is written anew."""
    page = render_page(of(*DELTAS), name="shop", upto=UPTO, entries=("e1",), unwanted=("u1",))
    read = read_page(page)
    assert [delta.item_id for delta in read.wanted] == ["a1", "r1"]
    assert read.unwanted == {"u1"}
    assert "1 entry" in page


@pytest.mark.parametrize(
    "line",
    [
        "- [x] gone <!-- change: {} -->",
        '- [x] gone <!-- change: {"kind": "erase", "item_id": "a", "cites": []} -->',
        '- [x] gone <!-- change: {"kind": "add", "cites": [], "item_id": "a"} -->',
        '- [x] gone <!-- change: {"kind": "resolve", "item_id": "a", "was": "b", "cites": 3} -->',
        "- [x] gone <!-- change: [1] -->",
        "x <!-- change: broken",
    ],
)
def test_a_line_that_was_mangled_is_named(line: str) -> None:
    """Nothing is guessed: the error says on which line."""
    with pytest.raises(ProposalUnreadable, match="line=3"):
        read_page(f"# Review\n\n{line}\n")


def test_counts_are_words() -> None:
    """What changed, by kind."""
    assert describe_counts(of(*DELTAS)) == "1 added, 1 updated, 1 resolved"
    assert describe_counts(of()) == "nothing to change"
    assert len(list(remarks(of()))) == 5


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_words_survive_the_page(text: str, section: str) -> None:
    """Comment marks, line breaks and quotes in an item are carried as they are."""
    delta = Add(item_id="a1", section=section, text=text, cites=("e1",))
    assert read_page(render_page(of(delta), name="shop", upto=UPTO, entries=("e1",))).wanted == (delta,)
