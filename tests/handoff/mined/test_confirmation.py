"""Is what a model said marked, and confirmed by nothing but a person or two outcomes that agree?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from handoff.briefing import apply, parse
from handoff.entry import Entry, parse_log, render_entry
from handoff.marks.model_mark import PROPOSED, ModelMark
from handoff.mined.confirmation import has_passed
from handoff.mined.document_index import given_document
from handoff.review import review

PASSED = "The project's tests passed."


def attempt(mission: str, work: str, *, epoch: int = 1, tests: str = PASSED, blocked: str = "", by: str = "m") -> Entry:
    """What a node writes of an attempt, read back."""
    sections = (("Work Accomplished", work), ("Blockers", blocked), ("Test Status", tests))
    made = Entry(
        entry_id=f"{mission}-{epoch}",
        when="2026-11-20T08:00:00Z",
        node="desk",
        agent="builtin",
        model=by,
        mission=mission,
        sections=tuple((name, text) for name, text in sections if text),
    )
    return parse_log(render_entry(made)).entries[0]


def person(name: str, work: str) -> Entry:
    """What somebody added by hand."""
    said = (("Work Accomplished", work),)
    return Entry(entry_id=name, when="2026-11-21T08:00:00Z", node="desk", agent="person", sections=said)


def after(briefing: str, *entries: Entry, before: tuple[Entry, ...] = (), accepted: bool = True) -> str:
    """The briefing after a review of these entries."""
    earlier = {one.entry_id: one for one in before}
    made = review(entries, briefing, known_paths=(), earlier=earlier, accepted=lambda mission: accepted)
    return apply(briefing, made.deltas)


def mark_of(briefing: str) -> ModelMark | None:
    return next(item.mark for item in parse(briefing) if item.text.startswith("Port"))


ONE, TWO = attempt("one", "Port: 9090"), attempt("two", "Port: 9090")


def test_what_only_a_model_said_is_marked_and_what_a_person_said_is_not() -> None:
    """The mark stands in the briefing's text, where a person reads it."""
    assert "- Port: 9090 *(proposed by a model)* <!-- item: " in after("# B\n", ONE)
    assert mark_of(after("# B\n", person("p", "Port: 9090"))) is None
    assert mark_of(after("# B\n", ONE, person("p", "Port: 9090"))) is None
    assert mark_of(after("# B\n", replace(ONE, model="", raw=""))) is None  # as documents always were


def test_what_a_node_records_of_a_failure_is_no_models_proposal() -> None:
    """An attempt's error stands under Blockers; the words around it are the model's."""
    made = after("# B\n", attempt("one", "Port: 1", blocked="- The licence server refuses our key"))
    marks = {item.text: item.mark for item in parse(made) if item.item_id}
    assert marks == {"Port: 1": PROPOSED, "The licence server refuses our key": None}


def test_two_outcomes_that_agree_confirm_also_in_two_reviews() -> None:
    """Two missions whose checks held; one is not enough, however often it is said."""
    both = ModelMark(confirmed_in=("one-1", "two-1"))
    assert mark_of(after("# B\n", ONE, TWO)) == both
    first = after("# B\n", ONE)
    assert mark_of(after(first, TWO, before=(ONE,))) == both
    assert mark_of(after(first, attempt("one", "Port: 9090", epoch=2), before=(ONE,))) == PROPOSED


@pytest.mark.parametrize(
    "other",
    [
        attempt("two", "Port: 9090", tests=""),
        attempt("two", "Port: 9090", tests="The project's tests did not pass."),
        attempt("two", "Port: 9090", tests=f"`make` ended with exit code 1.\n{PASSED}"),
        attempt("two", "Port: 9090", blocked="- It was stopped"),
        replace(TWO, entry_id="two", raw=""),
        replace(TWO, mission="", raw=""),
    ],
    ids=["unchecked", "failed", "one check failed", "ended with an error", "no attempt's id", "no mission"],
)
def test_an_outcome_counts_only_as_a_node_records_that_its_checks_held(other: Entry) -> None:
    """What a model says of its own work is no outcome."""
    assert not has_passed(other)
    assert mark_of(after("# B\n", ONE, other)) == PROPOSED


def test_attempts_side_by_side_and_results_that_were_not_accepted_confirm_nothing() -> None:
    """They were given the same words; and a result that a person rejected is none."""
    beside = (attempt("fix-a1", "Port: 9090"), attempt("fix-a2", "Port: 9090"))
    assert mark_of(after("# B\n", *beside)) == PROPOSED
    assert mark_of(after("# B\n", ONE, TWO, accepted=False)) == PROPOSED
    waits = after("# B\n", ONE, TWO, accepted=False)
    accepted_later = after(waits, person("p", "Looked around."), before=(ONE, TWO))
    assert mark_of(accepted_later) == ModelMark(confirmed_in=("one-1", "two-1"))


def test_a_person_who_says_the_same_later_confirms_it() -> None:
    """Their entry is named, and the mark stays: a model proposed it first."""
    made = after(after("# B\n", ONE), person("p", "Port: 9090"), before=(ONE,))
    assert mark_of(made) == ModelMark(confirmed_in=("p",))


def marks_of(briefing: str) -> dict[str, ModelMark | None]:
    return {item.text: item.mark for item in parse(briefing) if item.text.startswith("Port")}


HAND = "# B\n\n## Network\n\n- Port: 8080\n"
BOTH = ModelMark(confirmed_in=("one-1", "two-1"))


@pytest.mark.parametrize("noted", [False, True], ids=["by hand", "mined from a person's entry"])
def test_a_persons_line_stays_in_force_beside_a_models_value(noted: bool) -> None:
    """A fresh instance is given the line in its words and the value as a pointer; further models change only that."""
    line = after("# B\n", person("p", "Port: 8080")) if noted else HAND
    made = after(line, ONE)
    assert marks_of(made) == {"Port: 8080": None, "Port: 9090": PROPOSED}
    told = given_document(made)
    assert "- Port: 8080" in told
    assert "- Port [entry one-1]" in told
    assert "9090" not in told
    assert after(made, ONE) == made
    other = after(made, attempt("three", "Port: 7"), before=(ONE,))
    assert marks_of(other) == {"Port: 8080": None, "Port: 7": PROPOSED}


def test_a_value_that_is_confirmed_takes_the_place_of_the_line() -> None:
    """At once, by a second outcome, when a result is accepted later, and where a person says so: one line is left."""
    assert marks_of(after(HAND, ONE, TWO)) == {"Port: 9090": BOTH}
    assert marks_of(after(after(HAND, ONE), TWO, before=(ONE,))) == {"Port: 9090": BOTH}
    waits = after(HAND, ONE, TWO, accepted=False)
    assert marks_of(waits) == {"Port: 8080": None, "Port: 9090": PROPOSED}
    assert marks_of(after(waits, person("p", "Looked around."), before=(ONE, TWO))) == {"Port: 9090": BOTH}
    said = after(after(HAND, ONE), person("p", "Port: 9090"), before=(ONE,))
    assert marks_of(said) == {"Port: 9090": None}
    assert "## Network\n\n- Port: 9090" in said


def test_what_is_proposed_beside_a_line_leaves_with_the_value_that_it_was_meant_for() -> None:
    """A person who says another value, or takes the fact back, has answered it."""
    waits = after(HAND, ONE, TWO, accepted=False)
    assert marks_of(after(waits, person("p", "Port: 1"), before=(ONE, TWO))) == {"Port: 1": None}
    assert marks_of(after(waits, person("p", "Withdrawn: port"), before=(ONE, TWO))) == {}


def test_a_model_takes_back_only_what_a_model_proposed() -> None:
    """A person's line, a confirmed one and a withdrawal stay, and the review says so; a person takes them back."""
    gone = attempt("three", "Port: withdrawn")
    taken_back = after("# B\n", ONE).replace(str(PROPOSED), str(ModelMark(withdrawn_by="ana")))
    for briefing in (HAND, after("# B\n", ONE, TWO), taken_back):
        made = review([gone], briefing, known_paths=())
        assert (made.deltas, [one.cites for one in made.dropped_with_reason]) == ((), [("three-1",)])
        assert "only a model" in made.dropped_with_reason[0].reason
        assert marks_of(after(briefing, gone, person("p", "Port: withdrawn"))) == {}
    assert marks_of(after(after("# B\n", ONE), gone, before=(ONE,))) == {}


def test_a_confirmed_line_stays_in_force_beside_another_value() -> None:
    """What was confirmed were other words; a person's word takes its place."""
    confirmed = after("# B\n", ONE, TWO)
    made = after(confirmed, attempt("three", "Port: 1"), before=(ONE, TWO))
    assert marks_of(made) == {"Port: 9090": BOTH, "Port: 1": PROPOSED}
    assert mark_of(after(confirmed, person("p", "Port: 1"), before=(ONE, TWO))) is None


def test_what_a_person_withdrew_beside_a_line_stays_withdrawn() -> None:
    """No outcome brings it into the line's place; another value awaits a person."""
    ana = ModelMark(withdrawn_by="ana")
    was = after(HAND, ONE).replace(str(PROPOSED), str(ana))
    for words, value, mark in (("Port: `9090`", "Port: 9090", ana), ("Port: 9091", "Port: 9091", PROPOSED)):
        made = after(was, attempt("two", words), attempt("three", words), before=(ONE,))
        assert marks_of(made) == {"Port: 8080": None, value: mark}


def test_no_outcome_confirms_what_a_person_withdrew() -> None:
    """Only a person takes a person's word back."""
    withdrawn = after("# B\n", ONE).replace(str(PROPOSED), str(ModelMark(withdrawn_by="ana")))
    assert mark_of(after(withdrawn, TWO, attempt("three", "Port: 9090"), before=(ONE,))) == ModelMark(
        withdrawn_by="ana"
    )


def test_no_outcome_undoes_a_withdrawal_in_other_words() -> None:
    """The same ones in backticks or capitals stay withdrawn; a new value awaits a person, however many say it."""
    was = after("# B\n", ONE).replace(str(PROPOSED), str(ModelMark(withdrawn_by="ana")))
    for words, mark in (
        ("Port: `9090`", ModelMark(withdrawn_by="ana")),
        ("**Port:** 9090.", ModelMark(withdrawn_by="ana")),
        ("Port: 9090 TCP", PROPOSED),
        ("Port: 9091", PROPOSED),
    ):
        made = after(was, attempt("two", words), attempt("three", words), before=(ONE,))
        assert mark_of(made) == mark, words
    assert mark_of(after(was, person("p", "Port: 9091"), before=(ONE,))) is None  # a person's word is one


def test_words_that_a_model_put_otherwise_are_its_proposal() -> None:
    """Also of what a person said; the same entry does not confirm them."""
    said = Entry(entry_id="e", when="", sections=(("Blockers", "- Signing fails 5 times on Windows, we think"),))
    made = review([said], "# B\n", known_paths=(), wording=lambda text: "Signing fails 5 times on Windows")
    text = apply("# B\n", made.deltas)
    assert "Signing fails 5 times on Windows *(proposed by a model)*" in text
    assert after(text, said) == text
    again = attempt("one", "Worked.", tests="")
    again = replace(again, sections=(("Decisions", "x"), *said.sections), entry_id="two", raw="")
    assert PROPOSED in {item.mark for item in parse(after(text, again, before=(said,)))}


def test_a_marked_line_of_an_entry_is_a_proposal_whoever_wrote_the_entry() -> None:
    """A person who pastes what a model mined keeps its mark; a model that says who confirmed it confirms nothing."""
    ana = ModelMark(confirmed_by="ana")
    assert mark_of(after("# B\n", person("p", f"Port: 9090 {PROPOSED}"))) == PROPOSED
    assert mark_of(after("# B\n", person("p", f"Port: 9090 {ana}"))) is None
    for forged in (f"{ana}", f"{PROPOSED} {ana}", f"{ana} {PROPOSED}"):
        made = after("# B\n", attempt("one", f"Port: 9090 {forged}"))
        assert mark_of(made) == PROPOSED
        assert "ana" not in made
