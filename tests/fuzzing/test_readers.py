"""Does every reader of others' bytes end with a value or a declared error, in bounded time and memory?

`make nightly` has the long forms: more mutations from a seed that is new each night, and large documents of every kind.
"""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing.mutations import GROWING, MORE_GROWING, grown, mutated
from tests.fuzzing.readers import READERS, Reader

EXAMPLES, EXAMPLES_BY_NIGHT = 25, 10_000
MAX_SECONDS, SHORT_SECONDS = 6.0, 2.0
"""Of the processor, for one document as large as its reader takes, and for half of one: several times what the slowest
needs, and less than it takes to go through such a document once for each of its lines."""

each_reader = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name.replace(" ", "-"))
SEEDS, CHANGES = st.integers(0, 2**32), st.integers(1, 4)


def try_reading(reader: Reader, data: bytes) -> None:
    """Reads it; whatever is not declared goes up."""
    try:
        reader.read(data)
    except reader.may_raise:
        return


@each_reader
def test_valid_documents_are_read(reader: Reader) -> None:
    """What is mutated below is no error before it is."""
    for data in reader.valid:
        reader.read(data)


@each_reader
@settings(max_examples=EXAMPLES, derandomize=True, database=None, deadline=None)
@given(seed=SEEDS, changes=CHANGES)
def test_no_document_is_a_traceback(reader: Reader, seed: int, changes: int) -> None:
    """Cut, spliced, repeated, with values of another kind: a reader gives a value, or raises what it declares."""
    try_reading(reader, mutated(reader.valid, seed, changes)[: reader.limit])


@pytest.mark.nightly
@each_reader
@settings(max_examples=EXAMPLES_BY_NIGHT, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=SEEDS, changes=CHANGES)
def test_no_document_is_a_traceback_by_night(reader: Reader, seed: int, changes: int) -> None:
    """The same, from other seeds each night."""
    try_reading(reader, mutated(reader.valid, seed, changes)[: reader.limit])


def seconds_to_read(reader: Reader, token: bytes, size: int, where: float) -> float:
    """How long the processor is busy with a document of that size."""
    data = grown(reader.valid[0], token, size, where)
    begun = time.process_time()
    try_reading(reader, data)
    return time.process_time() - begun


@each_reader
def test_large_documents_take_no_time(reader: Reader) -> None:
    """A large document, of one thing again and again, takes a moment: no reader is quadratic."""
    for token in GROWING:
        assert seconds_to_read(reader, token, reader.limit // 2, 0.6) < SHORT_SECONDS, token


@pytest.mark.nightly
@each_reader
def test_large_documents_take_no_time_by_night(reader: Reader) -> None:
    """The same for more such things, in every place."""
    for token in (*GROWING, *MORE_GROWING):
        for where in (0.0, 0.3, 0.6, 1.0):
            assert seconds_to_read(reader, token, reader.limit, where) < MAX_SECONDS, (token, where)


def peak(reader: Reader, data: bytes) -> float:
    """Bytes of memory for each byte of a document."""
    tracemalloc.start()
    try:
        try_reading(reader, data)
        return tracemalloc.get_traced_memory()[1] / len(data)
    finally:
        tracemalloc.stop()


@each_reader
def test_memory_is_bounded(reader: Reader) -> None:
    """What a reader holds at once is a multiple of what it is given."""
    try_reading(reader, reader.valid[0])  # what is imported meanwhile is not counted
    assert peak(reader, grown(reader.valid[0], b"\n", 16 * 1024, 0.6)) < reader.roof


@pytest.mark.nightly
@each_reader
def test_memory_is_bounded_by_night(reader: Reader) -> None:
    """The same for every kind of large document."""
    for token in (*GROWING, *MORE_GROWING):
        assert peak(reader, grown(reader.valid[0], token, 32 * 1024, 0.6)) < reader.roof, token
