"""What is a table of settings, as a value: declared like a dataclass, checked when it is made, never changed?

It is checked as pydantic checks its models, and has their names for what can be asked of it. But pydantic is loaded
only for what is not plainly right (`plain_values`), and no code is generated for its class: for thirty dataclasses that
takes as long as loading rich.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast, dataclass_transform

from missions.declared.plain_values import declared_fields, hints, read_values

if TYPE_CHECKING:
    from pydantic import BaseModel, ConfigDict


class _MadeLater:
    """A default that is made anew for each value."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def made_by(*, factory: Callable[[], Any]) -> Any:
    """As a field's default: what `factory` returns then."""
    return _MadeLater(factory)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(made_by,))
class DeclaredTable:
    """Fields with their types, rules and defaults. Names that begin with _ are no fields, and are kept by `model_copy`.

    `check` looks at all fields together. To make one raises WrongValues.
    """

    __table_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}
    """Pydantic's configuration."""

    def __init__(self, **given: Any) -> None:
        vars(self).update(vars(read_values(type(self), given)))

    def check(self) -> None:
        """Raises ValueError for fields that do not go together."""

    @classmethod
    def of_right_values(cls, **said: Any) -> Self:
        """With values that are right each by itself. Raises ValueError for such as do not go together."""
        made = cls.__new__(cls)
        for name in declared_fields(cls):
            vars(made)[name] = said[name] if name in said else cls.default_of(name)
        vars(made)["_said"] = frozenset(said)
        made.check()
        return made

    @classmethod
    def model_validate(cls, given: Mapping[str, Any]) -> Self:
        """A table of what is written. Raises WrongValues."""
        return read_values(cls, given)

    @classmethod
    def default_of(cls, name: str) -> Any:
        """What a field is that is not said; None for one that must be, and for a name that is none."""
        default = getattr(cls, name, None) if name in declared_fields(cls) else None
        if isinstance(default, _MadeLater):
            return default.make()
        return default

    @property
    def model_fields_set(self) -> frozenset[str]:
        """The fields that were said, and not left to their defaults."""
        return frozenset(vars(self)["_said"])

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """The same with other values, which are not looked at."""
        made = type(self).__new__(type(self))
        fields = declared_fields(type(self))
        vars(made).update({name: value for name, value in vars(self).items() if name in fields or name[0] == "_"})
        vars(made).update(update, _said=self.model_fields_set.union(name for name in update if name in fields))
        return made

    def model_dump(self) -> dict[str, Any]:
        """The fields as plain data, tables within it, too."""
        return {name: _plain(vars(self)[name]) for name in declared_fields(type(self))}

    def __eq__(self, other: object) -> bool:
        """Of one kind, with the same values, whether or not they were said."""
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), *self._values()))

    def __repr__(self) -> str:
        fields = declared_fields(type(self))
        return f"{type(self).__name__}({', '.join(f'{name}={vars(self)[name]!r}' for name in fields)})"

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is never changed: model_copy makes another one")

    def _values(self) -> list[Any]:
        return [vars(self)[name] for name in declared_fields(type(self))]

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: Any) -> Any:
        """Pydantic's way in: its model of the same declaration, and of what that says one of these."""
        from pydantic_core import core_schema

        def read(value: Any, model: Callable[[Any], Any]) -> Any:
            if isinstance(value, cls):
                return value
            found = model(value)
            return cls.of_right_values(**{name: getattr(found, name) for name in found.model_fields_set})

        return core_schema.no_info_wrap_validator_function(read, handler.generate_schema(_model(cast("Any", cls))))


def _plain(value: Any) -> Any:
    if isinstance(value, DeclaredTable):
        return value.model_dump()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


@cache
def _model(cls: Any) -> type[BaseModel]:
    """Pydantic's model of the declaration. Of defaults it knows only that there are some."""
    from pydantic import create_model

    kinds, config = hints(cls), cast("ConfigDict", cls.__table_config__)
    fields: dict[str, Any] = {name: (kinds[name], ... if must else None) for name, must in declared_fields(cls).items()}
    return create_model(cls.__name__, __config__=config, **fields)
