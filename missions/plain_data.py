"""How is plain data (JSON, TOML) read that others wrote?

Python's readers raise RecursionError for text that is nested deeply enough, and JSON's gives half characters that no
file and no terminal takes. Nothing else in the product calls them (`tests/architecture/test_code.py`).
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

NESTED = "it is nested too deeply"
_HALF_CHARACTER = re.compile("\\\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def read_json(text: str | bytes, *, halves: bool = False) -> Any:
    """What a JSON text says, with ? for half characters. Raises ValueError, and nothing else, for what is none.

    `halves` keeps them: in a file of our own they stand for bytes that are no UTF-8 (`surrogateescape`).
    """
    words = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    try:
        found = json.loads(words)
        if not halves and _HALF_CHARACTER.search(words):
            found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise ValueError(NESTED) from None
    return found


def read_toml(text: str) -> dict[str, Any]:
    """What a TOML text says. Raises ValueError, and nothing else, for what is none."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError(NESTED) from None
