"""Which values are plainly right for a declaration, so that they can be taken without pydantic?

Loading pydantic and having it build its checks takes as long as everything else in a list of missions. So a value whose
type is the declared one, and that keeps its rules, is taken here. Whatever else is written, right or wrong, pydantic
reads: it knows more forms, and all the words for what is wrong. What both take is the same to both
(`tests/missions/declared/test_plain_values.py`).
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from missions.declared.value_rules import After, Before, Limits

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
Reader = Callable[[Any], Any]
"""Makes a declared value of a written one. Raises ValueError for what is not plainly right."""
UNFORESEEN = (TypeError, AttributeError, LookupError, OverflowError)
"""What a rule raises for a value of a kind that it was not written for."""


class NotPlain(ValueError):
    """Only pydantic can say what this means."""


class WrongValues(ValueError):
    """Values that the declaration does not take. `facts` are what pydantic says of each (`loc`, `type`, `msg`)."""

    def __init__(self, facts: list[dict[str, Any]]) -> None:
        self.facts = facts
        super().__init__("; ".join(told(one["loc"], one["msg"]) for one in facts))


def told(place: Iterable[object], says: str) -> str:
    """What is wrong, with the key that it is about; no key where it is about all of it."""
    return ": ".join([*filter(None, [".".join(map(str, place))]), says])


def read_values(cls: type[T], given: Mapping[str, object]) -> T:
    """A declared value, of a frozen dataclass or a `DeclaredTable`, of what is written. Raises WrongValues."""
    plain = read_plainly(cls, given)
    if plain is not None:
        return plain
    from pydantic import ValidationError

    kind: type = cls
    adapter = _adapter(kind)
    try:
        return cast("T", adapter.validate_python(given))
    except ValidationError as error:
        raise WrongValues([dict(one) for one in error.errors(include_url=False)]) from error
    except UNFORESEEN as error:  # which pydantic hands on: a text of others must not end whoever reads it
        raise WrongValues([{"loc": (), "type": "unforeseen", "msg": f"it cannot be read: {error}"}]) from error


def read_plainly(cls: type[T], given: Mapping[str, object]) -> T | None:
    """The same where all of it is plainly right; else None."""
    try:
        return cast("T", _read_table(cls, given))
    except (ValueError, AssertionError, *UNFORESEEN):
        return None


def json_schema(cls: type) -> dict[str, Any]:
    """The declaration in the words of JSON Schema."""
    return _adapter(cls).json_schema()


@cache
def _adapter(cls: type) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(cls)


def _read_table(cls: type, given: Mapping[str, object]) -> Any:
    if not _needed(cls) <= given.keys() <= declared_fields(cls).keys():  # for what others name nothing is kept
        raise NotPlain
    values = {key: _field_reader(cls, key)(value) for key, value in given.items()}
    made = getattr(cls, "of_right_values", None)
    return made(**values) if made else assembled(cls, values)


def assembled(cls: type[T], values: Mapping[str, Any]) -> T:
    """A frozen dataclass with these values and its defaults, as its class would make it, in a fifth of the time: what
    guards it against a change is gone around, as pydantic does."""
    defaults = _defaults_of(cls)
    if defaults is None:
        return cls(**values)
    made = cls.__new__(cls)
    vars(made).update(defaults)
    vars(made).update(values)
    return made


def _defaults_of(cls: type) -> Mapping[str, Any] | None:
    return _defaults(cls)


@cache
def _defaults(cls: type) -> Mapping[str, Any] | None:
    """None for a class of which an instance is more than its values."""
    declared = dataclasses.fields(cls)
    if hasattr(cls, "__post_init__") or any(each.default_factory is not dataclasses.MISSING for each in declared):
        return None
    return {each.name: each.default for each in declared if each.default is not dataclasses.MISSING}


def declared_fields(cls: type) -> Mapping[str, bool]:
    """The fields of a declaration, a dataclass or a `DeclaredTable`, each with whether it must be said."""
    return _declared_fields(cls)


@cache
def _declared_fields(cls: type) -> Mapping[str, bool]:
    if hasattr(cls, "of_right_values"):
        names = (name for each in reversed(cls.__mro__) for name in inspect.get_annotations(each))
        return {name: not hasattr(cls, name) for name in names if name[0] != "_"}
    missing = dataclasses.MISSING
    declared = dataclasses.fields(cls)
    return {each.name: each.default is missing and each.default_factory is missing for each in declared}


@cache
def _needed(cls: type) -> frozenset[str]:
    """The fields that must be said. Raises NotPlain for a declaration that takes no value as it is."""
    if getattr(cls, "__pydantic_config__", {}).get("strict"):
        raise NotPlain
    return frozenset(name for name, needed in declared_fields(cls).items() if needed)


def hints(cls: type) -> Mapping[str, Any]:
    """The annotations of a declaration, with their rules."""
    return _hints(cls)


@cache
def _hints(cls: type) -> Mapping[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _hint(cls: type, name: str) -> Any:
    """One annotation: to make sense of all of them takes as long as to read a hundred missions."""
    owner = next(each for each in cls.__mro__ if name in inspect.get_annotations(each))
    alone = types.SimpleNamespace(__annotations__={name: owner.__annotations__[name]})
    return get_type_hints(alone, vars(sys.modules[owner.__module__]), include_extras=True)[name]


@cache
def _field_reader(cls: type, name: str) -> Reader:
    return _reader(_hint(cls, name))


def _reader(hint: Any) -> Reader:
    """What reads values of one annotation."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _with_rules(inner[0], inner[1:])
    if origin in (Union, types.UnionType):
        return _optional(inner)
    if origin is not None:
        return _READERS[origin](inner) if origin in _READERS else _never
    if hint in _PLAIN_TYPES:
        return _PLAIN_TYPES[hint]
    if hint in (Any, object):
        return lambda value: value
    return _of_class(hint) if isinstance(hint, type) else _never


def _never(_value: Any) -> Any:
    raise NotPlain


def _with_rules(declared: Any, rules: tuple[object, ...]) -> Reader:
    strict = any(isinstance(rule, Limits) and rule.strict for rule in rules)
    read = (_of_class(int) if declared is int else _never) if strict else _reader(declared)
    for rule in rules:
        read = _with_rule(read, rule)
    return read


def _with_rule(read: Reader, rule: object) -> Reader:
    if isinstance(rule, Before):
        return lambda value: read(rule.made(value))
    if isinstance(rule, After):
        return lambda value: rule.made(read(value))
    if not isinstance(rule, Limits):  # what others say of the field; but pydantic's own rules are not known here
        return _never if type(rule).__module__.partition(".")[0] in {"pydantic", "annotated_types"} else read

    def limited(value: Any) -> Any:
        found = read(value)
        if found is not None and not rule.hold(found):
            raise NotPlain
        return found

    return limited


def _optional(inner: tuple[Any, ...]) -> Reader:
    kinds = [each for each in inner if each is not types.NoneType]
    if len(kinds) != 1 or len(inner) > 2:
        return _never
    read = _reader(kinds[0])
    return lambda value: None if value is None else read(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise NotPlain
    if not value.isascii():
        value.encode()  # raises for half characters
    return value


def _whole(value: Any) -> int:
    if type(value) is int:
        return value
    return int(_written(_WHOLE, value))


def _number(value: Any) -> float:
    if type(value) in (int, float) and math.isfinite(value):
        return float(value)
    return float(_written(_DECIMAL, value))


def _written(shape: re.Pattern[str], value: Any) -> str:
    """A number as a text, as variables of the environment are, in its plainest form."""
    if type(value) is not str or not shape.fullmatch(value):
        raise NotPlain
    return value


def _flag(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    if type(value) is not str or value not in _FLAGS:
        raise NotPlain
    return _FLAGS[value]


def _of_class(cls: type) -> Reader:
    """Numbers, words of a list, values of another declaration, and whatever a text becomes, as a path does."""

    def read(value: Any) -> Any:
        if type(value) is cls:
            return value
        if type(value) is dict and (dataclasses.is_dataclass(cls) or hasattr(cls, "of_right_values")):
            return _read_table(cls, value)
        if type(value) is str and (issubclass(cls, Enum) or hasattr(cls, "__fspath__")):
            make: Callable[[str], Any] = cls
            return make(_text(value))
        raise NotPlain

    return read


def _literal(words: tuple[Any, ...]) -> Reader:
    known = {word for word in words if type(word) is str}

    def read(value: Any) -> Any:
        if type(value) is not str or value not in known:
            raise NotPlain
        return value

    return read


def _tuple(inner: tuple[Any, ...]) -> Reader:
    if len(inner) == 2 and inner[1] is Ellipsis:
        each = _reader(inner[0])
        return lambda value: tuple(map(each, _items(value)))
    readers = [_reader(one) for one in inner]
    return lambda value: tuple(read(one) for read, one in zip(readers, _items(value), strict=True))


def _list(inner: tuple[Any, ...]) -> Reader:
    each = _reader(inner[0])
    return lambda value: list(map(each, _items(value)))


def _frozenset(inner: tuple[Any, ...]) -> Reader:
    each = _reader(inner[0])
    return lambda value: frozenset(map(each, value if type(value) is frozenset else _items(value)))


def _items(value: Any) -> list[Any] | tuple[Any, ...]:
    if type(value) is list or type(value) is tuple:
        return value
    raise NotPlain


def _dict(inner: tuple[Any, ...]) -> Reader:
    key, each = map(_reader, inner)

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise NotPlain
        return {key(name): each(one) for name, one in value.items()}

    return read


_WHOLE = re.compile("0|[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_FLAGS = {"1": True, "0": False, "true": True, "false": False}
_PLAIN_TYPES: Mapping[Any, Reader] = {str: _text, int: _whole, float: _number, bool: _flag}
_READERS: Mapping[Any, Callable[[tuple[Any, ...]], Reader]] = {
    Literal: _literal,
    tuple: _tuple,
    list: _list,
    frozenset: _frozenset,
    dict: _dict,
    Mapping: _dict,
}
