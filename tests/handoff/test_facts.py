"""Does a briefing learn the last word on each fact, where it stands, and is what it must not touch left alone?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.briefing import Add, Delta, Resolve, Update, apply, parse
from handoff.facts import SECTION, DroppedChange, fact_changes, superseded
from handoff.statements import FACT, WITHDRAWAL, Statement, key_of

HEAD = "# Briefing: shop\n\n## Facts\n\n"


def fact(entry: str, name: str, value: str) -> Statement:
    """An entry's word on a fact; without a value it is withdrawn."""
    kind = FACT if value else WITHDRAWAL
    text = f"{name}: {value}" if value else f"{name} no longer applies"
    return Statement(kind=kind, text=text, entry_id=entry, key=key_of(name), name=name, value=value)


def changes(briefing: str, *said: Statement) -> list[Delta | DroppedChange]:
    """What these words change."""
    return list(fact_changes(said, parse(briefing)))


def after(briefing: str, *said: Statement) -> str:
    """The briefing with that in it."""
    return apply(briefing, [one for one in changes(briefing, *said) if not isinstance(one, DroppedChange)])


def test_a_new_fact_is_added_with_its_source() -> None:
    """Under Facts; the same fact again is the same item."""
    (change,) = changes(HEAD, fact("e1", "API port", "8080"))
    assert isinstance(change, Add)
    assert (change.section, change.text, change.cites) == (SECTION, "API port: 8080", ("e1",))
    (again,) = changes(HEAD, fact("e2", "the current API ports", "9090"))
    assert isinstance(again, Add)
    assert again.item_id == change.item_id


def test_the_last_word_counts_with_all_who_say_it() -> None:
    """Those who said something else before are no source of it."""
    words = [fact("e1", "Port", "1"), fact("e2", "Port", "2"), fact("e3", "port", "2"), fact("e3", "Port", "2")]
    (change,) = changes(HEAD, *words)
    assert isinstance(change, Add)
    assert (change.text, change.cites) == ("port: 2", ("e2", "e3")) or (change.text, change.cites) == (
        "Port: 2",
        ("e2", "e3"),
    )


def test_a_fact_is_updated_where_it_stands_and_in_its_shape() -> None:
    """Bold and the words around the value stay; only the value is another."""
    old = HEAD + "- **API port:** 8080. <!-- item: f1; log: e1 -->\n- Cache: on <!-- item: f2; log: e1 -->\n"
    (change,) = changes(old, fact("e2", "API port", "9090"))
    assert isinstance(change, Update)
    assert (change.item_id, change.cites) == ("f1", ("e2",))
    new = after(old, fact("e2", "API port", "9090"))
    assert "- **API port:** 9090." in new
    assert "- Cache: on <!-- item: f2; log: e1 -->" in new


def test_what_is_right_and_cited_needs_nothing() -> None:
    """What is right and has no source gets one."""
    cited = HEAD + "- Port: 8080 <!-- item: f1; log: e1 -->\n"
    assert changes(cited, fact("e2", "Port", "8080")) == []
    (change,) = changes(HEAD + "- Port: 8080\n", fact("e2", "Port", "8080"))
    assert isinstance(change, Update)
    assert (change.was, change.text, change.cites) == ("Port: 8080", "Port: 8080", ("e2",))


def test_a_withdrawal_takes_the_fact_out() -> None:
    """And of a fact that the briefing does not name nothing is told; said again later it stands again."""
    old = HEAD + "- Port: 8080 <!-- item: f1; log: e1 -->\n"
    (change,) = changes(old, fact("e2", "Port", ""))
    assert isinstance(change, Resolve)
    assert (change.item_id, change.cites) == ("f1", ("e2",))
    assert "8080" not in after(old, fact("e2", "Port", ""))
    assert changes(HEAD, fact("e2", "Port", "")) == []
    assert "Port: 7" in after(HEAD, fact("e1", "Port", ""), fact("e2", "Port", "7"))


def test_a_standing_rule_is_for_people() -> None:
    """Whatever a session says of it: neither a value nor a withdrawal; the reason is told."""
    rules = "# B\n\n## Standing rules\n\n- Deploys: never on Friday\n\n## Facts\n\n- Port: 1\n"
    for value in ("on Friday", ""):
        (change,) = changes(rules, fact("e1", "Deploys", value))
        assert isinstance(change, DroppedChange)
        assert "standing rule" in change.reason
        assert after(rules, fact("e1", "Deploys", value)) == rules


def test_of_two_items_with_one_name_none_is_changed() -> None:
    """It is not known which is meant; where one of them has a source, that one is."""
    two = HEAD + "- Port: 1\n- Port: 2\n"
    (change,) = changes(two, fact("e1", "Port", "3"))
    assert isinstance(change, DroppedChange)
    assert change.reason == "2 items of the briefing have this name"
    sourced = HEAD + "- Port: 1\n- Port: 2 <!-- item: f1; log: e0 -->\n"
    (update,) = changes(sourced, fact("e1", "Port", "3"))
    assert isinstance(update, Update)
    assert update.item_id == "f1"


@pytest.mark.parametrize(("words", "added"), [(8, True), (9, False)])
def test_prose_with_a_colon_is_no_new_fact(words: int, added: bool) -> None:
    """So many words are a value; more are a story."""
    assert bool(changes(HEAD, fact("e1", "Port", " ".join("x" * words)))) is added


def test_a_replaced_value_in_running_text_is_pointed_at() -> None:
    """Only a value with a digit and of some length, and never in a standing rule or in the fact itself."""
    old = (
        "# B\n\n## Standing rules\n\n- Ask before 8080 is opened.\n\n## Facts\n\n"
        "- Port: 8080 <!-- item: f1; log: e1 -->\n- Mode: on\n\n## State\n\n- The proxy calls 8080.\n- It is on.\n"
    )
    said = [fact("e2", "Port", "9090"), fact("e2", "Mode", "off")]
    found = list(superseded(said, parse(old)))
    assert [(item.text, why) for item, why in found] == [
        ("The proxy calls 8080.", "it still says 8080; entry e2 says: Port: 9090")
    ]
    assert list(superseded([fact("e2", "Port", "8080")], parse(old))) == []
    assert list(superseded([], parse(old))) == []


NAMES = st.sampled_from(["Port", "Mode", "Owner name"])
VALUES = st.sampled_from(["1", "8080", "on", "", "a b"])


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.lists(st.tuples(NAMES, VALUES), max_size=3))
def test_carried_out_nothing_is_left_to_change(said: list[tuple[str, str]], there: list[tuple[str, str]]) -> None:
    """The briefing then has the last word on each fact once, and every other line as it was."""
    known = {name: value for name, value in there if value}
    lines = [f"- {name}: {value} <!-- item: f{at}; log: e0 -->\n" for at, (name, value) in enumerate(known.items())]
    briefing = HEAD + "- Cache: kept\n" + "".join(lines)
    words = [fact(f"e{at}", name, value) for at, (name, value) in enumerate(said, 1)]
    new = after(briefing, *words)
    wanted = {name: value for name, value in (known | dict(said)).items() if value}
    items = [item.text for item in parse(new) if item.item_id]
    assert sorted(items) == sorted(["Cache: kept", *(f"{name}: {value}" for name, value in wanted.items())])
    assert after(new, *words) == new
