"""How do a hundred tests have an app each, and the schemas of its models only once?

Making an app describes every route anew, each with some hundred JSON schemas that depend on the models alone: four
fifths of the time. Here the library's answer is kept for the process; whoever asks gets a copy.
"""

from __future__ import annotations

import pickle
from typing import Any

from flask_openapi import utils
from pydantic import BaseModel

_made = utils.get_model_schema
_known: dict[tuple[type[BaseModel], str], bytes] = {}


def kept(model: type[BaseModel], mode: str = "validation") -> Any:
    """As the library's own, but worked out once."""
    key = (model, mode)
    if key not in _known:
        _known[key] = pickle.dumps(_made(model, mode))  # type: ignore[arg-type]
    return pickle.loads(_known[key])


def keep() -> None:
    """From now on."""
    utils.get_model_schema = kept
