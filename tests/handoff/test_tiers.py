"""Facts about tiers and the items of their documents."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handoff.tiers import Tier, budgets, cut_order, joined, path_of, split

REAL = Path(os.environ.get("SHIFTBOOK_SHARED", Path(__file__).parents[2] / ".." / "shared")) / "data" / "handoff-real"
PIECES = [
    "# A",
    "## Rules",
    "### B",
    "**Bold**",
    "- point",
    "  more",
    "1. one",
    "words",
    "```",
    "code",
    "",
    "---",
    "2026-01-02",
]
DOCUMENTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=16).map("\n".join)


@given(DOCUMENTS)
def test_splitting_loses_no_byte(text: str) -> None:
    """The items of a document, joined, are the document."""
    items = split(text)
    assert "".join(item.text for item in items) == text
    assert joined(items, frozenset()) == "".join(item.text for item in items)


@given(DOCUMENTS)
@settings(deadline=None)
def test_what_stands_under_rules_is_never_cut(text: str) -> None:
    """With everything cut that may be, all standing items are still there, and nothing else but their headings."""
    items = split(text)
    left = joined(items, frozenset(cut_order(items)))
    assert all(item.text in left for item in items if item.standing)
    if not any(item.standing for item in items):
        assert left == ""


def test_a_list_point_is_one_item_with_all_that_belongs_to_it() -> None:
    """Continuation lines, nested points and indented paragraphs stay with their point."""
    items = split("- one\n  more\n\n  - nested\n- two\n\nWords\nand words.\n")
    assert [item.text for item in items] == ["- one\n  more\n\n  - nested\n", "- two\n\n", "Words\nand words.\n"]


def test_a_fenced_block_is_never_split() -> None:
    """Blank lines, points and headings inside a fence do not begin an item."""
    text = "```sh\n# a\n\n- b\n\n## Rules\n```\n"
    assert [item.text for item in split(text)] == [text]
    assert not split(text)[0].standing


@pytest.mark.parametrize(
    "heading",
    [
        "## Standing rules",
        "# RULES",
        "### Constraints:",
        "## 3. Constraints",
        "**Rules:**",
        "Rules\n-----",
        "## ⚠️ Rules (keep)",
    ],
)
def test_headings_of_standing_rules(heading: str) -> None:
    """People head their rules in several ways; what follows is standing until the section ends."""
    items = split(f"# T\n\n{heading}\n\n- never push\n\n# Next\n\n- other\n")
    standing = {item.title: item.standing for item in items}
    assert (standing["never push"], standing["other"]) == (True, False)


def test_a_heading_that_only_mentions_rules_is_none() -> None:
    """Only a section of rules is standing, not one about them."""
    assert not any(item.standing for item in split("## Rules engine\n\n- fast\n\n## Business rules\n\n- x\n"))


def test_the_oldest_goes_first_and_the_first_words_last() -> None:
    """Undated items go before dated ones, older before newer, and the document's first words at the very end."""
    items = split("# T\n\nLead.\n\n- b 2026-03-01\n- a\n- c 2026-01-01\n\n## 2026-02-01\n\n- d\n")
    assert [items[place].title for place in cut_order(items)] == ["a", "c 2026-01-01", "d", "b 2026-03-01", "Lead."]


def test_a_heading_goes_with_the_last_item_under_it() -> None:
    """A heading without anything left below it is left out, one with a section left below it stays."""
    items = split("# A\n\n## B\n\n- b\n\n## C\n\n- c\n")
    assert joined(items, frozenset({2})) == "# A\n\n## C\n\n- c\n"
    assert joined(items, frozenset({2, 4})) == ""


def test_where_the_documents_are() -> None:
    """Every tier has its path in the ledger."""
    assert path_of(Tier.PORTFOLIO, "shop") == "PORTFOLIO_CONTEXT.md"
    assert path_of(Tier.PROJECT, "shop") == "projects/shop/PROJECT_CONTEXT.md"
    assert path_of(Tier.BRIEFING, "shop") == "projects/shop/SESSION_BRIEFING.md"
    assert path_of(Tier.LOG, "shop") == "projects/shop/SESSION_LOG.md"
    assert (path_of(Tier.LOG), path_of(Tier.PROJECT)) == ("SESSION_LOG.md", "")


def test_the_shares_leave_room_for_the_task() -> None:
    """The tiers together never claim the whole budget."""
    assert 0 < sum(budgets(10_000).values()) < 10_000


@pytest.mark.skipif(not REAL.is_dir(), reason="the real documents are not on this machine")
@pytest.mark.parametrize("name", ["PROJECT_CONTEXT.template.md", "projects/imposer/SESSION_BRIEFING.md"])
def test_real_documents_split_without_loss(name: str) -> None:
    """Documents that other people wrote come apart in many items and together again."""
    text = (REAL / name).read_bytes().decode()
    assert joined(split(text), frozenset()) == text
    assert len(split(text)) > 30
