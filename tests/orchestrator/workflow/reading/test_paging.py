"""Does a cursor say where a page goes on, and does nothing else pass for one?"""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import WrongSetting
from orchestrator.workflow.reading.paging import read_cursor, write_cursor

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.integers(-(10**9), 10**9), FLOATS, TEXTS)
def test_a_cursor_is_read_back(whole: int, number: float, text: str) -> None:
    """Whatever stands in the key, as a word that may stand in an address."""
    cursor = write_cursor((whole, number, text))
    assert read_cursor(cursor, (int, float, str)) == (whole, number, text)
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=80))
def test_any_other_text_is_refused_or_harmless(text: str) -> None:
    """A WrongSetting, or a key of the right shape: never another error."""
    try:
        key = read_cursor(text, (str, str, int))
    except WrongSetting:
        return
    assert key is None or [type(part) for part in key[:2]] == [str, str]


@pytest.mark.parametrize("shape", [(str,), (int, int), (str, int)])
def test_a_cursor_of_another_list_is_refused(shape: tuple[type, ...]) -> None:
    """Its key has another shape."""
    with pytest.raises(WrongSetting):
        read_cursor(write_cursor((1, "a")), shape)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 400, "true", "null"])
def test_no_number_of_a_cursor_is_endless(number: str) -> None:
    """JSON can say infinity: no list is counted by it."""
    cursor = base64.urlsafe_b64encode(f'["a","b",{number}]'.encode()).decode().rstrip("=")
    with pytest.raises(WrongSetting):
        read_cursor(cursor, (str, str, int))
