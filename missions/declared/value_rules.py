"""Which values may a declared field have, said once for pydantic and for the plain reader (`plain_values`)?

A rule stands in the field's annotation. To pydantic it is a group of metadata, which it takes apart when it is asked
for; whoever only declares, or reads what is plainly right, loads no pydantic: that takes as long as all of a list.
https://github.com/annotated-types/annotated-types#groupedmetadata
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any


class ValueRule(ABC):
    """A rule in an annotation."""

    __is_annotated_types_grouped_metadata__ = True

    @abstractmethod
    def __iter__(self) -> Iterator[object]:
        """The same in pydantic's words."""


class Before(ValueRule):
    """Makes of what is written what is checked then. Raises ValueError for what it cannot mean."""

    def __init__(self, made: Callable[[Any], Any]) -> None:
        self.made = made

    def __iter__(self) -> Iterator[object]:
        from pydantic import BeforeValidator

        yield BeforeValidator(self.made)


class After(ValueRule):
    """Looks at a value of the right type, and may make another one of it. Raises ValueError."""

    def __init__(self, made: Callable[[Any], Any]) -> None:
        self.made = made

    def __iter__(self) -> Iterator[object]:
        from pydantic import AfterValidator

        yield AfterValidator(self.made)


class Limits(ValueRule):
    """Bounds of a number, a text, a list or a table, both included but for `gt`. `pattern` is a text's, from its begin
    to its end; `strict` takes a whole number only from one; without `allow_inf_nan` a number is finite."""

    def __init__(
        self,
        *,
        ge: float | None = None,
        gt: float | None = None,
        le: float | None = None,
        min_length: int | None = None,
        max_length: int | None = None,
        pattern: str | None = None,
        strict: bool | None = None,
        allow_inf_nan: bool | None = None,
    ) -> None:
        self.ge, self.gt, self.le = ge, gt, le
        self.min_length, self.max_length, self.pattern = min_length, max_length, pattern
        self.strict, self.allow_inf_nan = strict, allow_inf_nan

    def __iter__(self) -> Iterator[object]:
        from pydantic import Field

        said: dict[str, Any] = {name: value for name, value in vars(self).items() if value is not None}
        yield from Field(**said).metadata

    def hold(self, value: Any) -> bool:
        """Whether a value of the right type is within them."""
        return (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.min_length is None or len(value) >= self.min_length)
            and (self.max_length is None or len(value) <= self.max_length)
            and (self.pattern is None or re.fullmatch(self.pattern, value) is not None)
        )
