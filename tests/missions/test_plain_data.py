"""Is plain data of others read without half characters, and our own as it was written?"""

from __future__ import annotations

import json

import pytest

from missions.plain_data import NESTED, read_json


def test_half_characters_are_kept_only_where_they_are_asked_for() -> None:
    """Written as they are, or as escapes."""
    odd = b"J\xfcrgen".decode("utf-8", "surrogateescape")
    for text in (json.dumps(odd), json.dumps(odd, ensure_ascii=False)):
        assert read_json(text) == "J?rgen"
        assert read_json(text, halves=True).encode("utf-8", "surrogateescape") == b"J\xfcrgen"


@pytest.mark.parametrize("halves", [False, True])
def test_what_is_nested_too_deeply_is_told(halves: bool) -> None:
    """As a ValueError, whoever asks."""
    with pytest.raises(ValueError, match=NESTED):
        read_json("[" * 100_000, halves=halves)
