"""Which description is there of a kind of forge, and where is it known to be wrong?"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import yaml

from tests.forge_descriptions.description import Description, Exchange

TABLES = Path(__file__).parent
INSTALLED = Path(os.environ.get("SHIFTBOOK_CI_DESCRIPTIONS", "~/.cache/shiftbook-ci/descriptions")).expanduser()
"""Where `.ci/descriptions` puts GitHub's."""
WHOLE = os.environ.get("SHIFTBOOK_TEST_FORGE_DESCRIPTIONS", "")
"""A folder with makers' whole files, to hold our tables against them."""
BASES = {"gitlab": "/api/v4"}
WRONG = {"github": ("head.repo is None", "of a fork that is gone; what the list says of it GitHub has never kept to")}
"""By kind: words of a fault that is the description's, and why."""


@cache
def description(kind: str) -> Description | None:
    """What is published of a kind of forge; None for GitHub's, where it is not installed."""
    folders = [Path(WHOLE)] if WHOLE else [INSTALLED, TABLES]
    names = [folder / f"{kind}.{ending}" for folder in folders for ending in ("json", "yaml")]
    found = next((path for path in names if path.exists()), None)
    if found is None:
        return None
    text = found.read_text(encoding="utf-8")
    document = json.loads(text) if found.suffix == ".json" else yaml.load(text, Loader=yaml.CSafeLoader)
    return Description(document, BASES.get(kind, ""), tells_null=kind == "github")


def faults(exchanges: list[tuple[str, Exchange]]) -> list[str]:
    """What of these exchanges the makers have not published."""
    found = []
    for kind, one in exchanges:
        published = description(kind)
        known = WRONG.get(kind, ("\0", ""))[0]
        found += [each for each in (published.faults(one) if published else ()) if known not in each]
    return list(dict.fromkeys(found))
