"""How do a hundred tests have an app each, and what depends on its code alone only once?

Making an app describes every route anew, each with some hundred JSON schemas that depend on the models alone, and
compiles for every route two functions that build its URL: nine tenths of the time. Here the library's schemas are kept
for the process, and a builder is compiled when somebody asks it for a URL, which nobody does.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from flask_openapi import utils
from flask_openapi.models.schema import Schema
from pydantic import BaseModel
from werkzeug.routing import rules

_made = utils.get_model_schema
_known: dict[tuple[type[BaseModel], str], bytes] = {}
_checked: dict[str, Schema] = {}
_compiled = rules.Rule._compile_builder


def kept(model: type[BaseModel], mode: str = "validation") -> Any:
    """As the library's own, but worked out once; whoever asks gets a copy."""
    key = (model, mode)
    if key not in _known:
        _known[key] = pickle.dumps(_made(model, mode))  # type: ignore[arg-type]
    return pickle.loads(_known[key])


def checked(**schema: Any) -> Schema:
    """The library's object for a schema, validated once: nobody changes one."""
    key = repr(schema)
    if key not in _checked:
        _checked[key] = Schema(**schema)
    return _checked[key]


def later(rule: rules.Rule, append_unknown: bool = True) -> Callable[..., Any]:
    """What builds a rule's URLs, compiled when it is called."""

    def build(self: rules.Rule, **values: Any) -> Any:
        return _compiled(rule, append_unknown).__get__(self, None)(**values)

    return build


def keep() -> None:
    """From now on."""
    utils.get_model_schema = kept
    utils.Schema = checked  # type: ignore[assignment, attr-defined]
    rules.Rule._compile_builder = later  # type: ignore[assignment, method-assign]
