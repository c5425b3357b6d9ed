"""What is read without pydantic means the same to it; what is not plainly right it reads, with its own words."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from missions.declared import plain_values
from missions.declared.declared_table import DeclaredTable
from missions.declared.plain_values import WrongValues, assembled, read_plainly, read_values
from missions.declared.value_rules import After, Before, Limits
from missions.mission import MissionFields
from orchestrator.core.settings import Settings
from orchestrator.ledger.config.fleet_toml import FleetConfig
from tests.missions.test_fields import SAMPLES


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def _short(value: str) -> str:
    if len(value) > 5:
        raise ValueError("too long")
    return value.strip()


@dataclass(frozen=True, kw_only=True)
class Inner:
    size: Annotated[int, Limits(ge=0, le=9)] = 3
    name: Annotated[str, After(_short)] = ""


@dataclass(frozen=True, kw_only=True)
class Every:
    """A field of each kind that the plain reader knows."""

    text: str = ""
    whole: int = 0
    exact: Annotated[int, Limits(strict=True)] = 0
    number: Annotated[float, Limits(gt=0, le=100)] = 1.0
    flag: bool = False
    word: Literal["a", "b"] = "a"
    colour: Colour = Colour.RED
    perhaps: Annotated[str | None, Limits(max_length=3)] = None
    pair: tuple[float, float] = (1.0, 2.0)
    many: Annotated[tuple[str, ...], Limits(min_length=1)] = ("x",)
    listed: list[int] = None  # type: ignore[assignment]  # what is not said is not looked at
    unique: frozenset[str] = frozenset()
    table: dict[Colour, Inner] = None  # type: ignore[assignment]
    inner: Inner = Inner()
    place: Path = Path("/")
    when: Annotated[datetime | None, After(lambda value: value and value.astimezone(UTC))] = None
    oid: Annotated[str, Limits(pattern="^[0-9a-f]{4}$")] = "0000"
    lower: Annotated[str, Before(lambda value: value.lower() if isinstance(value, str) else value)] = ""
    either: int | str = 0
    others: Annotated[int, Field(ge=5)] = 5


NAMES = list(Every.__dataclass_fields__)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.floats(),
    st.text(max_size=7),
    st.sampled_from(["red", "a", "true", "1", "0", "07", "1.5", "1e3", "0.1", "abcd", "/tmp", "\ud800", "10" * 12]),
    st.sampled_from([Colour.BLUE, Path("/x"), datetime(2026, 1, 1, tzinfo=UTC), Inner(size=2), 10**400]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(st.text(max_size=3), max_size=3),
        st.dictionaries(st.sampled_from(["size", "name", "red", "blue", "none"]), inner, max_size=3),
    ),
    max_leaves=5,
)
ADAPTER = TypeAdapter(Every)


def _by_pydantic(values: dict[str, Any]) -> Any:
    try:
        return ADAPTER.validate_python(values)
    except (ValidationError, OverflowError):
        return None


@given(st.dictionaries(st.sampled_from([*NAMES, "unknown"]), VALUES, max_size=3))
def test_what_is_taken_without_pydantic_is_what_it_would_make_of_it(values: dict[str, Any]) -> None:
    """Whatever is written where: the plain reader gives what pydantic gives, or leaves it to it."""
    plain = read_plainly(Every, values)
    if plain is not None:
        found = _by_pydantic(values)
        assert plain == found
        assert [type(each) for each in vars(plain).values()] == [type(getattr(found, name)) for name in vars(plain)]


@pytest.mark.parametrize(
    ("name", "value", "made"),
    [
        ("text", "ü", "ü"),
        ("whole", "42", 42),
        ("exact", 42, 42),
        ("number", 3, 3.0),
        ("number", "2.50", 2.5),
        ("flag", "true", True),
        ("flag", "0", False),
        ("word", "b", "b"),
        ("colour", "blue", Colour.BLUE),
        ("perhaps", None, None),
        ("pair", [1, 2], (1.0, 2.0)),
        ("many", ["a", "b"], ("a", "b")),
        ("listed", (1, 2), [1, 2]),
        ("unique", ["a", "a"], frozenset({"a"})),
        ("table", {"red": {"size": 1}}, {Colour.RED: Inner(size=1)}),
        ("inner", {"name": " a "}, Inner(name="a")),
        ("place", "/tmp", Path("/tmp")),
        ("oid", "12ab", "12ab"),
        ("lower", "ABC", "abc"),
    ],
)
def test_what_is_plainly_right_is_taken(name: str, value: object, made: object) -> None:
    """Each kind of field, in the forms in which environment, TOML and front matter bring it."""
    found = read_plainly(Every, {name: value})
    assert found is not None
    assert getattr(found, name) == made == getattr(_by_pydantic({name: value}), name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", 3),
        ("text", "\ud800"),
        ("whole", "007"),
        ("whole", True),
        ("exact", "42"),
        ("number", 0),
        ("number", float("nan")),
        ("flag", 1),
        ("flag", "yes"),
        ("word", "c"),
        ("colour", "green"),
        ("perhaps", "long"),
        ("pair", [1]),
        ("many", []),
        ("unique", "a,b"),
        ("inner", {"size": 10}),
        ("inner", {"sice": 1}),
        ("inner", {"name": "longer"}),
        ("oid", "12ab\n"),
        ("either", 3),
        ("others", 7),
        ("unknown", 1),
    ],
)
def test_what_is_not_plainly_right_is_left_to_pydantic(name: str, value: object) -> None:
    """Wrong values, other forms of right ones, and rules that are pydantic's own."""
    assert read_plainly(Every, {name: value}) is None


def test_a_wrong_value_is_told_in_pydantics_words() -> None:
    """Each with its place, its kind and what was found there."""
    with pytest.raises(WrongValues, match=r"inner\.size") as error:
        read_values(Every, {"inner": {"size": 10}, "word": "c"})
    facts = [(one["loc"], one["type"], one["input"]) for one in error.value.facts]
    assert facts == [(("word",), "literal_error", "c"), (("inner", "size"), "less_than_equal", 10)]


def test_every_sample_of_a_mission_is_read_alike() -> None:
    """Each field of the front matter, with the value that the tests of fields have for it."""
    adapter = TypeAdapter(MissionFields)
    for name, value in SAMPLES.items():
        plain = read_plainly(MissionFields, {name: value})
        assert plain is None or plain == adapter.validate_python({name: value})
    assert read_plainly(MissionFields, {"agent": "command", "run": "make", "priority": "3"}) is not None


def test_assembled_is_what_the_class_makes() -> None:
    """With the class's defaults, and as frozen as that."""
    made = assembled(Inner, {"size": 5})
    assert made == Inner(size=5)
    assert hash(made) == hash(Inner(size=5))
    with pytest.raises(AttributeError):
        made.size = 6  # type: ignore[misc]


def test_the_usual_needs_no_pydantic(tmp_path: Path) -> None:
    """A ledger's rules, a machine's settings and a mission, in a fresh process: it is never loaded."""
    import subprocess

    script = """
import sys
from missions import document
from orchestrator.app import ledger_templates
from orchestrator.core.environment import load_settings
from orchestrator.ledger.config import fleet_toml
settings = load_settings()
assert settings.slots == 4 and settings.http is None and settings.git_token.get_secret_value() == "sbk_1"
charter = fleet_toml.read(ledger_templates.FLEET.format(name="x").encode() + b'[projects.shop]\\nurl = "/srv/shop"\\n')
assert charter.projects["shop"].url == "/srv/shop"
assert document.read("a.md", b"---\\nagent: command\\nrun: make\\npriority: 3\\n---\\nDo it.\\n").priority == 3
assert "pydantic" not in sys.modules and "pydantic_core" not in sys.modules
"""
    env = {"PATH": "/usr/bin:/bin", "SHIFTBOOK_HOME": str(tmp_path), "SHIFTBOOK_SLOTS": "4", "SHIFTBOOK_HTTP": "off"}
    env |= {"SHIFTBOOK_LEDGER": "/srv/ledger.git", "SHIFTBOOK_GIT_TOKEN": "sbk_1", "SHIFTBOOK_SERVE_GIT": "1"}
    subprocess.run([sys.executable, "-c", script], env=env, cwd=Path(__file__).parents[3], check=True)


def test_tables_know_what_was_said() -> None:
    """Which is what decides between a project's rule and the fleet's."""
    charter = FleetConfig.model_validate({"policy": {"auto_word": True}, "projects": {"x": {"url": "/x"}}})
    assert charter.policy.model_fields_set == {"auto_word"}
    assert charter.projects["x"].model_fields_set == {"url"}
    assert Settings(slots=2).model_fields_set == {"slots"}


class Careless(DeclaredTable):
    """Rules that were written for words, and are asked of whatever is written."""

    known: Annotated[tuple[str, ...], Before(lambda value: [one for one in value if one in {"a"}])] = ()
    lower: Annotated[str, Before(lambda value: value.lower())] = ""
    both: Annotated[str, After(lambda value: {"a": value}[value])] = "a"
    limit: int = 0

    def check(self) -> None:
        if self.limit > 1:
            raise TypeError("of no use")


@pytest.mark.parametrize(
    ("name", "value"), [("known", [["a"]]), ("known", 3), ("lower", 3), ("lower", None), ("both", "b"), ("limit", 2)]
)
def test_a_rule_that_a_value_surprises_makes_it_a_wrong_one(name: str, value: object) -> None:
    """Which is told, as any other: whoever reads what strangers write must not end by it."""
    assert read_plainly(Careless, {name: value}) is None
    with pytest.raises(WrongValues, match=r"^it cannot be read: "):
        Careless.model_validate({name: value})


def test_nothing_is_kept_of_keys_that_there_are_not() -> None:
    """Strangers may write any number of them."""
    before = plain_values._field_reader.cache_info().currsize
    for number in range(50):
        assert read_plainly(Every, {f"stranger-{number}": 1}) is None
    assert plain_values._field_reader.cache_info().currsize == before
