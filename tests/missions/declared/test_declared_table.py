"""A table of settings: checked when it is made, told as pydantic tells its models, never changed."""

from __future__ import annotations

import copy
import pickle
from functools import cached_property
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from missions.declared.declared_table import DeclaredTable, made_by
from missions.declared.plain_values import WrongValues
from missions.declared.value_rules import Limits


class Pause(DeclaredTable):
    low: Annotated[float, Limits(gt=0)] = 1.0
    high: float = 2.0

    def check(self) -> None:
        if self.low > self.high:
            raise ValueError("low must not be above high")


class Shop(DeclaredTable):
    url: str
    words: list[str] = made_by(factory=list)
    pause: Pause = Pause()
    pauses: dict[str, Pause] = made_by(factory=dict)
    _place: str = ""

    @cached_property
    def host(self) -> str:
        return self.url.partition("/")[0]


class PauseModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    low: Annotated[float, Field(gt=0)] = 1.0
    high: float = 2.0

    @model_validator(mode="after")
    def _order(self) -> PauseModel:
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self


class ShopModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str
    words: list[str] = []
    pause: PauseModel = PauseModel()
    pauses: dict[str, PauseModel] = {}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"url": 3},
        {"url": "x", "more": 1},
        {"url": "x", "words": "a"},
        {"url": "x", "words": ["a", 3]},
        {"url": "x", "pause": 3},
        {"url": "x", "pause": {"low": 0}},
        {"url": "x", "pause": {"low": 3}},
        {"url": "x", "pause": {"low": "three"}},
        {"url": "x", "pauses": {"a": {"low": 3}, "b": {"lo": 1}}},
        {"url": "x", "pauses": [1]},
        {"words": [], "pause": {"low": 0, "high": "x"}},
    ],
)
def test_each_wrong_value_is_told_as_pydantic_tells_it(values: dict[str, Any]) -> None:
    """The same places, kinds and words, in the same order, as of a model of pydantic's with the same declaration."""
    with pytest.raises(ValidationError) as expected:
        ShopModel.model_validate(values)
    with pytest.raises(WrongValues) as error:
        Shop.model_validate(values)
    wanted = [(one["loc"], one["type"], one["msg"]) for one in expected.value.errors()]
    found = [(one["loc"], one["type"], one["msg"].replace("Shop", "ShopModel")) for one in error.value.facts]
    assert [(loc, kind, msg.replace("Model", "")) for loc, kind, msg in found] == [
        (loc, kind, msg.replace("Model", "")) for loc, kind, msg in wanted
    ]


@pytest.mark.parametrize("low", [2, "2", 2.0])
def test_right_values_are_the_same_with_pydantic_and_without(low: object) -> None:
    """A text is read as a number by both, and what was said is known."""
    made = Shop.model_validate({"url": "x", "pause": {"low": low}, "pauses": {"a": {"low": low}}})
    assert made.model_dump() == ShopModel.model_validate(made.model_dump()).model_dump()
    assert made.pause.low == 2.0
    assert made.pause.model_fields_set == made.pauses["a"].model_fields_set == {"low"}
    assert made.model_fields_set == {"url", "pause", "pauses"}


def test_to_make_one_is_to_check_it() -> None:
    """As by `model_validate`, for whoever writes the fields in code."""
    assert Shop(url="x", pause=Pause(low=1.5)).pause.low == 1.5
    for wrong in ({"low": 3}, {"low": -1}, {"lower": 1}):
        with pytest.raises(WrongValues):
            Pause(**wrong)
    with pytest.raises(WrongValues):
        Shop()


def test_a_copy_has_other_values_and_keeps_the_rest() -> None:
    """What was worked out from the old values is not taken over, what is no field is."""
    made = Shop(url="a/x")
    assert made.host == "a"
    other = made.model_copy(update={"url": "b/x", "_place": "here"})
    assert (other.host, other._place, made._place) == ("b", "here", "")
    assert other.model_copy(update={"words": ["w"]})._place == "here"
    assert (made.url, other.model_fields_set) == ("a/x", {"url"})


def test_it_is_a_value() -> None:
    """Equal by its fields, said or not; hashed alike; never changed; defaults are nobody else's."""
    assert Pause() == Pause(low=1.0)
    assert hash(Pause()) == hash(Pause(low=1.0))
    assert Pause() != Pause(low=0.5)
    assert Pause() != PauseModel()
    with pytest.raises(AttributeError, match="never changed"):
        Pause().low = 2.0  # type: ignore[misc]
    Shop(url="x").words.append("kept to itself")
    assert Shop(url="x").words == []
    assert repr(Pause()) == "Pause(low=1.0, high=2.0)"


def test_it_travels_between_processes() -> None:
    """Pickled and copied it is the same, with what was said."""
    made = Shop(url="x", pause=Pause(low=0.5))
    for other in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        assert other == made
        assert other.model_fields_set == {"url", "pause"}


def test_one_that_is_a_value_already_is_taken_as_it_is() -> None:
    """Also where pydantic has to read what stands beside it."""
    made = Pause(low=0.5)
    assert Shop.model_validate({"url": "x", "pause": made}).pause is made
    assert Shop.model_validate({"url": "x", "pause": made, "pauses": {"a": {"low": "1e-1"}}}).pause is made
