"""Is an unconfirmed item given as a pointer first, and is all else given as it was?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from handoff.context_builder import assemble
from handoff.marks.model_mark import PROPOSED, ModelMark
from handoff.mined.document_index import EXPLANATION, given_document
from handoff.tiers import Tier, split

BRIEFING = f"""# Briefing: shop

The shop sells books.

## Standing rules

- Never deploy on Friday.

## Facts

- Port: 9090 {PROPOSED} <!-- item: f1; log: fix-1 -->

## Decisions

- Use SQLite {ModelMark(confirmed_by="ana")} <!-- item: d1; log: fix-1 -->
- Use tabs {ModelMark(withdrawn_by="ana")} <!-- item: d2; log: fix-2 -->
"""


def test_pointers_come_first_and_the_words_of_what_is_unconfirmed_not_at_all() -> None:
    """One line each, with its citation; what a person withdrew is a pointer again."""
    said = given_document(BRIEFING)
    pointers = "- Port [entry fix-1]\n- Use… [entry fix-2]\n"
    assert said.startswith(f"# Briefing: shop\n\n## Pointers\n\n{EXPLANATION}\n\n{pointers}\n## Prose\n\n")
    assert "9090" not in said
    assert "## Facts" not in said
    assert "- Use SQLite *(proposed by a model; confirmed by ana)*" in said
    assert said.index("Pointers") < said.index("The shop sells books.") < said.index("Never deploy on Friday.")


def test_the_first_words_of_the_document_are_still_cut_last() -> None:
    """Pointers stand before them and are no lead."""
    assert [item.text.strip() for item in split(given_document(BRIEFING)) if item.lead] == ["The shop sells books."]


def test_a_fresh_instance_is_given_pointers_wherever_a_model_proposed_something() -> None:
    """In the briefing, on the portfolio's page, in an entry and in what is recalled."""
    log = f"## 2026-11-20T08:00:00Z · a · b · -\n<!-- entry: e1 -->\n\n### Lessons\n\n- Wait for 7 s {PROPOSED}\n"
    made = assemble(
        role="",
        tiers={
            Tier.PORTFOLIO: f"# P\n\n- Clear 12 caches first (knowledge/clear.md) {PROPOSED}\n",
            Tier.BRIEFING: BRIEFING,
            Tier.LOG: log,
        },
        task="x",
        now="now",
        budget=10_000,
        count=len,
        recalled=[f"2026 · Lessons\nWait for 8 s {PROPOSED}"],
    )
    assert "[knowledge/clear.md]" in made.head
    assert "[entry e1]" in made.log
    assert not any(words in made.text for words in ("9090", "caches first (", "for 7", "for 8"))


@given(st.text())
def test_a_document_without_marks_is_given_byte_for_byte(text: str) -> None:
    """Old documents read as before."""
    assert given_document(text) == text


def test_rules_stay_where_they_are() -> None:
    """Standing rules are never cut, and nothing but the check says that a model's words have no place there."""
    rules = f"# B\n\n## Standing rules\n\n- Always squash {PROPOSED}\n"
    assert given_document(rules) == rules
