"""Is a document that several programs wrote into in several encodings read, and is nothing in it lost?"""

from __future__ import annotations

import codecs

from hypothesis import given
from hypothesis import strategies as st

from handoff.encoding import lossless_text, readable_text

WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def test_lines_in_two_encodings_are_both_read() -> None:
    """An editor on Windows saved the first line, a node appended the second."""
    raw = "caf\u00e9\r\n".encode("windows-1252") + "\u2026 caf\u00e9\n".encode()
    assert readable_text(raw) == "caf\u00e9\r\n\u2026 caf\u00e9\n"
    assert (
        readable_text("caf\u00e9\n".encode("utf-16")) == lossless_text("caf\u00e9\n".encode("utf-16")) == "caf\u00e9\n"
    )


@given(st.binary().filter(lambda raw: not raw.startswith(WIDE)))
def test_what_is_written_into_stays_as_it_was(raw: bytes) -> None:
    """Whatever bytes they are."""
    assert lossless_text(raw).encode("utf-8", "surrogateescape") == raw
    readable_text(raw).encode()
