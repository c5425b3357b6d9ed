"""Is a GGUF file's head read as the format says, and is any other file told to be none?"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.models.gguf import GgufInfo, NotGguf, format_parameters, read_gguf_info

U32, F32, STRING, ARRAY, U64 = 4, 6, 8, 9, 10


def text(words: str) -> bytes:
    """A string of the format."""
    data = words.encode()
    return struct.pack("<Q", len(data)) + data


def value(key: str, kind: int, data: bytes) -> bytes:
    """A key with its value."""
    return text(key) + struct.pack("<I", kind) + data


def tensor(name: str, *shape: int) -> bytes:
    """A row of the table of tensors."""
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, 0)


def array(inner: int, count: int, data: bytes = b"") -> bytes:
    """An array's bytes."""
    return struct.pack("<IQ", inner, count) + data


def file(
    folder: Path, *values: bytes, tensors: tuple[bytes, ...] = (), magic: bytes = b"GGUF", version: int = 3
) -> Path:
    """A file with these values and tensors."""
    path = folder / "model.gguf"
    head = magic + struct.pack("<IQQ", version, len(tensors), len(values))
    path.write_bytes(head + b"".join(values) + b"".join(tensors) + b"\0" * 64)
    return path


FAMILY = value("general.architecture", STRING, text("llama"))
CONTEXT = value("llama.context_length", U32, struct.pack("<I", 4096))
Q8 = value("general.file_type", U32, struct.pack("<I", 7))


def test_what_a_file_says(tmp_path: Path) -> None:
    """Its context, how its weights are written, and how many there are over all tensors."""
    tensors = (tensor("a", 10, 20), tensor("b", 5), tensor("c", 2, 3, 4))
    assert read_gguf_info(file(tmp_path, FAMILY, CONTEXT, Q8, tensors=tensors)) == GgufInfo(
        context_tokens=4096, quantisation="Q8_0", parameters=200 + 5 + 24
    )


def test_other_values_are_passed_over(tmp_path: Path) -> None:
    """Fractions, lists of numbers, of texts and of lists, wherever they stand."""
    between = (
        value("a", F32, struct.pack("<f", 0.5)),
        value("b", ARRAY, array(U32, 3, struct.pack("<3I", 1, 2, 3))),
        value("c", ARRAY, array(STRING, 2, text("x") + text("yz"))),
        value("d", ARRAY, array(ARRAY, 2, array(U64, 1, b"\0" * 8) + array(STRING, 1, text("x")))),
    )
    assert read_gguf_info(file(tmp_path, *between, CONTEXT, FAMILY, Q8)).context_tokens == 4096


def test_a_vocabulary_is_passed_over_to_its_last_word(tmp_path: Path) -> None:
    """What stands behind texts of every length, none among them, is read where it stands."""
    words = "".join(f"{'x' * (n % 7)}|" for n in range(5000)).split("|")[:-1]
    vocabulary = value("tokens", ARRAY, array(STRING, len(words), b"".join(map(text, words))))
    assert read_gguf_info(file(tmp_path, vocabulary, FAMILY, CONTEXT)).context_tokens == 4096


@pytest.mark.parametrize(
    ("values", "info"),
    [
        ((), GgufInfo()),
        ((CONTEXT,), GgufInfo()),
        ((FAMILY,), GgufInfo()),
        ((value("general.architecture", STRING, text("other")), CONTEXT), GgufInfo()),
        ((value("general.file_type", U32, struct.pack("<I", 999)),), GgufInfo()),
        ((FAMILY, value("llama.context_length", STRING, text("4096"))), GgufInfo()),
        ((value("general.architecture", U32, struct.pack("<I", 1)),), GgufInfo()),
    ],
)
def test_what_a_file_does_not_say_is_not_known(tmp_path: Path, values: tuple[bytes, ...], info: GgufInfo) -> None:
    """Nothing is made up for it."""
    assert read_gguf_info(file(tmp_path, *values)) == info


@pytest.mark.parametrize("version", [2, 3])
def test_two_versions_are_read(tmp_path: Path, version: int) -> None:
    """They differ in nothing that is read here."""
    assert read_gguf_info(file(tmp_path, FAMILY, CONTEXT, version=version)).context_tokens == 4096


@pytest.mark.parametrize(("magic", "version"), [(b"GGML", 3), (b"GGUF", 1), (b"GGUF", 4), (b"FUGG", 3)])
def test_another_format_or_version_is_none(tmp_path: Path, magic: bytes, version: int) -> None:
    """Also one that is written the other way round."""
    with pytest.raises(NotGguf, match="not a GGUF file of version 2 or 3"):
        read_gguf_info(file(tmp_path, FAMILY, magic=magic, version=version))


HUGE = 2**63
DAMAGED = {
    "a text that ends nowhere": struct.pack("<Q", HUGE),
    "a value of no kind": text("a") + struct.pack("<I", 99),
    "a key that is no text": struct.pack("<Q", 1) + b"\xff" + struct.pack("<II", U32, 1),
    "a list of no kind": value("a", ARRAY, array(77, 1)),
    "a list that ends nowhere": value("a", ARRAY, array(U32, HUGE)),
    "a list of texts that ends nowhere": value("a", ARRAY, array(STRING, HUGE)),
    "a text in a list that ends nowhere": value("a", ARRAY, array(STRING, 2, text("x") + struct.pack("<Q", HUGE))),
    "lists in lists": value("a", ARRAY, array(ARRAY, 1) * 50_000),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_told_at_once(tmp_path: Path, name: str) -> None:
    """Whatever it claims to hold: one error, and no memory or time is taken for it."""
    path = file(tmp_path, DAMAGED[name], FAMILY)
    with pytest.raises(NotGguf, match="damaged"):
        read_gguf_info(path)


def test_a_tensor_of_a_thousand_dimensions_is_damage(tmp_path: Path) -> None:
    """As is a table that is shorter than the head says."""
    row = text("a") + struct.pack("<I", 1000)
    with pytest.raises(NotGguf, match="too many dimensions"):
        read_gguf_info(file(tmp_path, tensors=(row,)))
    path = file(tmp_path, tensors=(tensor("a", 2),))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(NotGguf, match="damaged"):
        read_gguf_info(path)


@pytest.mark.parametrize("size", [0, 4, 23])
def test_a_file_that_is_cut_off_is_too_short(tmp_path: Path, size: int) -> None:
    """A download that was broken off; and one that is not there is an OSError."""
    path = file(tmp_path, FAMILY)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(NotGguf, match="too short"):
        read_gguf_info(path)
    with pytest.raises(FileNotFoundError):
        read_gguf_info(tmp_path / "none.gguf")


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    """What is remembered is of this very file."""
    assert read_gguf_info(file(tmp_path, FAMILY, CONTEXT)).context_tokens == 4096
    longer = value("llama.context_length", U64, struct.pack("<Q", 131_072))
    assert read_gguf_info(file(tmp_path, FAMILY, longer)).context_tokens == 131_072


@given(st.binary(max_size=400))
def test_no_bytes_are_read_as_more_than_an_error(tmp_path_factory: pytest.TempPathFactory, rest: bytes) -> None:
    """Whatever stands behind the right head."""
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 2, 3) + rest)
    try:
        info = read_gguf_info(path)
    except NotGguf:
        return
    assert info.context_tokens >= 0


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, ""), (134_515_008, "135M"), (999_999_999, "1000M"), (10**9, "1.0B"), (7_615_616_512, "7.6B")],
)
def test_a_number_of_weights_as_people_say_it(count: int, words: str) -> None:
    """In millions or in billions."""
    assert format_parameters(count) == words
