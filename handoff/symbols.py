"""Which symbols (functions, classes) does a text name, and does the code still have them?

Only what clearly is a name in code counts: in backticks, and a call, a snake_case or a CamelCase word. What stands
before the last dot is left aside, because a text may name a method by its module, its class or an instance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

_CODE = re.compile(r"`([A-Za-z_][\w.]{3,80}(?:\(\))?)`")
_SNAKE = re.compile(r"[a-z]+[a-z0-9]*(?:_[a-z0-9]+)+\Z")
_CAMEL = re.compile(r"(?:[A-Z][a-z0-9]+){2,}\Z")
_WORD = re.compile(r"[A-Za-z_]\w{2,}")


def named_symbols(text: str) -> Iterator[str]:
    """The names in the text, each as its last part: `orders.Cart.total()` is `total`."""
    for code in _CODE.findall(text):
        name = code.removesuffix("()").rpartition(".")[2]
        if code.endswith("()") or _SNAKE.match(name) or _CAMEL.match(name):
            yield name


def wanted_symbols(documents: Mapping[str, str]) -> frozenset[str]:
    """Every name that any of the documents holds: what the sources have to be searched for."""
    return frozenset(name for text in documents.values() for name in named_symbols(text))


def present_symbols(source: str, names: Iterable[str]) -> frozenset[str]:
    """Those of the names that a source file holds, anywhere in it."""
    return frozenset(_WORD.findall(source)) & frozenset(names)
