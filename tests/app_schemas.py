"""How do a hundred tests have an app each, and what depends on its code alone only once?

Making an app describes every route anew, each with some hundred JSON schemas that depend on the models alone, and
reads every route's rule: nine tenths of the time. Here both are kept for the process.
"""

from __future__ import annotations

import pickle
from typing import Any

from flask_openapi import utils
from flask_openapi.models.schema import Schema
from pydantic import BaseModel
from werkzeug.routing import rules

_made = utils.get_model_schema
_known: dict[tuple[type[BaseModel], str], bytes] = {}
_checked: dict[str, Schema] = {}
_rules: dict[tuple[object, ...], tuple[Any, ...]] = {}
_compiled = rules.Rule.compile


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


def parsed(rule: rules.Rule) -> None:
    """As the library's own, but what comes of a rule's words alone is worked out once: nobody changes it."""
    key = (rule.rule, rule.subdomain, rule.host, rule.merge_slashes)
    if key not in _rules:
        _compiled(rule)
        _rules[key] = (rule._parts, rule._trace, rule._converters)
    rule._parts, rule._trace, rule._converters = _rules[key]
    rule.arguments.update(rule._converters)
    rule._build = rule._compile_builder(False).__get__(rule, None)
    rule._build_unknown = rule._compile_builder(True).__get__(rule, None)


def keep() -> None:
    """From now on."""
    utils.get_model_schema = kept
    utils.Schema = checked  # type: ignore[assignment, attr-defined]
    rules.Rule.compile = parsed  # type: ignore[method-assign]
