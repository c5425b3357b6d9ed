"""Are an answer's numbers added up and told as they are, and is what a tool says cut so that both its ends are read?"""

from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from handoff.budget_fit import Cut
from handoff.tiers import Tier
from orchestrator.chat.ledger_context import cut_json
from orchestrator.chat.queue import KeyedLock
from orchestrator.chat.tools.paths import PathRefused, path_parts
from orchestrator.chat.tools.tool import grammar_schema, object_schema, shorten_middle
from orchestrator.chat.values import AnswerUsage, usage_json
from orchestrator.core.errors import AlreadyDone
from orchestrator.core.ports.model import Usage
from tests.waiting import PATIENCE


def test_one_at_a_time_holds_a_conversation() -> None:
    """Who comes meanwhile is told so at once; another conversation, and the same one afterwards, is free."""
    lock = KeyedLock()
    with lock.hold("a"):
        with lock.hold("b"), pytest.raises(AlreadyDone, match="wait for it, or cancel"), lock.hold("a"):
            pass
        with lock.hold("b"):
            pass
    with pytest.raises(ValueError, match="broken"), lock.hold("a"):
        raise ValueError("broken")
    with lock.hold("a"):
        pass


def test_of_many_who_come_together_one_gets_in() -> None:
    """And the others are turned away, not kept waiting."""
    lock, gate, leave = KeyedLock(), threading.Barrier(8), threading.Event()
    inside: list[bool] = []

    def told(got_in: bool) -> None:
        inside.append(got_in)
        if len(inside) == 8:  # whoever is the last: the one that got in may be
            leave.set()

    def come() -> None:
        gate.wait(PATIENCE)
        try:
            with lock.hold("a"):
                told(True)
                leave.wait(PATIENCE)
        except AlreadyDone:
            told(False)

    threads = [threading.Thread(target=come) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert sorted(inside) == [False] * 7 + [True]


USAGE = Usage(model="m", backend="b", tokens_in=10, tokens_out=2, tokens_cached=4, seconds=1.23456)


def test_the_steps_of_an_answer_add_up() -> None:
    """Tokens, seconds and money; the first word's time is that of the first step that said one, from the beginning."""
    whole = AnswerUsage()
    whole.add(USAGE)
    assert whole.usage.first_token_seconds is None
    whole.add(Usage(tokens_in=5, tokens_out=1, seconds=2.0, first_token_seconds=0.5, cost_usd=0.25))
    whole.add(Usage(model="n", seconds=1.0, first_token_seconds=0.1, cost_usd=0.5))
    found = whole.usage
    assert (found.model, found.backend, found.tokens_in, found.tokens_out, found.tokens_cached) == ("n", "b", 15, 3, 4)
    assert found.seconds == pytest.approx(4.23456)
    assert found.first_token_seconds == pytest.approx(1.73456)
    assert found.cost_usd == 0.75


def test_what_nobody_knows_the_price_of_has_none() -> None:
    """No price is not a price of nothing; one that costs nothing costs nothing."""
    unknown, free = AnswerUsage(), AnswerUsage()
    unknown.add(USAGE)
    free.add(Usage(cost_usd=0.0))
    assert (unknown.usage.cost_usd, free.usage.cost_usd) == (None, 0.0)


def test_usage_on_the_wire() -> None:
    """As numbers that are read: times to a tenth of a millisecond, null for what is not known."""
    told = usage_json(USAGE)
    assert told == {
        "tokens_in": 10,
        "tokens_out": 2,
        "tokens_cached": 4,
        "first_token_seconds": None,
        "seconds": 1.2346,
        "cost_usd": None,
    }
    assert usage_json(Usage(first_token_seconds=0.123456))["first_token_seconds"] == 0.1235
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize("tier", [*Tier, None])
def test_what_was_left_out_is_told_by_its_tier(tier: Tier | None) -> None:
    """In a word that programs read; empty for what is of none."""
    told = cut_json(Cut(tier=tier, name="x", title="Facts", tokens=5, why="old", items=2))
    assert told["tier"] == (tier.name.lower() if tier else "")
    assert json.loads(json.dumps(told)) == told


@given(st.text(max_size=80), st.integers(2, 60))
def test_of_a_long_text_both_ends_are_read(text: str, roof: int) -> None:
    """A short one stays; of a long one it is said how much is left out between them."""
    found = shorten_middle(text, roof)
    if len(text) <= roof:
        assert found == text
        return
    half = roof // 2
    assert found.startswith(text[:half])
    assert found.endswith(text[-half:])
    assert f"{len(text) - roof:,} characters are left out here" in found


class Inner(BaseModel):
    """Something within."""

    title: str = Field(max_length=5)
    pattern: int = Field(7, ge=1, le=900)


class Outer(BaseModel):
    """What a tool takes."""

    maximum: list[Inner] = Field(max_length=3)
    line: str = Field(min_length=1, max_length=100_000, pattern="^a")


def test_a_grammar_has_no_bounds_and_every_property() -> None:
    """Those whose names are words of JSON Schema as well."""
    made = grammar_schema(Outer)
    assert set(made["properties"]) == {"maximum", "line"}
    inner = made["$defs"]["Inner"]
    assert set(inner["properties"]) == {"title", "pattern"}
    assert made["required"] == ["maximum", "line"]
    bounds = ("maxLength", "minLength", "maxItems", '"pattern": "', '"default"', '"minimum"')
    assert not [word for word in bounds if word in json.dumps(made)]
    assert inner["properties"]["pattern"] == {"type": "integer"}


def test_an_object_has_just_these_properties() -> None:
    """All of them, and no other."""
    made = object_schema({"a": {"type": "string"}, "b": {}})
    assert (made["required"], made["additionalProperties"]) == (["a", "b"], False)


@pytest.mark.parametrize(
    ("path", "parts"),
    [("a", ("a",)), ("a/b.py", ("a", "b.py")), ("./a//b/", ("a", "b")), ("a b/ü", ("a b", "ü")), ("...", ("...",))],
)
def test_a_path_inside(path: str, parts: tuple[str, ...]) -> None:
    """Part by part."""
    assert path_parts(path) == parts


@pytest.mark.parametrize("path", ["", " ", ".", "/", "/etc/passwd", "..", "a/../b", "../a", "a/..", "a\0b", "x" * 4097])
def test_a_path_that_is_none_or_climbs(path: str) -> None:
    """Also where it would come back; the words are short, whatever the path was."""
    with pytest.raises(PathRefused) as caught:
        path_parts(path)
    assert len(str(caught.value)) < 200
