"""How do tests have a model that is real and takes next to no time? It is the embedded one's first layers.

Vocabulary, template and format are the whole model's, and so is what runs it; what it says means less still. Reading
takes a tenth of the time. Tests of what the model that comes along does, and is, use that one: the fixture `embedded`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

LAYERS = 2
ALIGNMENT = 32
"""Bytes at whose multiples a tensor begins; the file that is cut names no other."""
WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a number, by its kind in the format."""
NUMBER, STRING, ARRAY = 4, 8, 9
END_KEYS = (b"tokenizer.ggml.eos_token_id", b"tokenizer.ggml.eot_token_id")
WORDS_KEY = b"tokenizer.ggml.tokens"
SOON = ("Ġand", "Âł")
"""Words that it says before long: " and", or the space that it falls into; so they are written in the vocabulary."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A row of the table of tensors: its bytes in the table without the last eight, and where its weights begin."""

    row: bytes
    name: str
    begin: int


def cut(whole: Path, to: Path, layers: int = LAYERS, *, ends: Sequence[str] = ()) -> Path:
    """Writes the model of `whole` with so many layers to `to`. It never ends an answer by itself, but at `ends`."""
    with whole.open("rb") as file:
        magic, version, tensors, values = struct.unpack("<4sIQQ", file.read(24))
        assert magic == b"GGUF"
        found = dict(_value(file) for _ in range(values))
        found |= {key: _number(layers) for key in found if key.endswith(b".block_count")}
        words = _words(found[WORDS_KEY]) if ends else []
        found |= {key: _number(words.index(end.encode())) for key, end in zip(END_KEYS, ends, strict=False)}
        kept_values = b"".join(struct.pack("<Q", len(key)) + key + data for key, data in found.items())
        table = [_tensor(file) for _ in range(tensors)]
        start = _aligned(file.tell())
        ends = dict(_spans(table, whole.stat().st_size - start))
        kept = [each for each in table if _stays(each.name, layers)]
        head, place = struct.pack("<4sIQQ", magic, version, len(kept), len(found)) + kept_values, 0
        for each in kept:
            head += each.row + struct.pack("<Q", place)
            place += _aligned(ends[each.name] - each.begin)
        with to.open("wb") as out:
            out.write(head.ljust(_aligned(len(head)), b"\0"))
            for each in kept:
                file.seek(start + each.begin)
                data = file.read(ends[each.name] - each.begin)
                out.write(data.ljust(_aligned(len(data)), b"\0"))
    return to


def _stays(name: str, layers: int) -> bool:
    kind, _, rest = name.partition(".")
    return kind != "blk" or int(rest.partition(".")[0]) < layers


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _spans(table: list[Tensor], size: int) -> Iterator[tuple[str, int]]:
    """Each tensor with the place where the next one begins."""
    ordered = sorted(table, key=lambda each: each.begin)
    for each, following in zip(ordered, [each.begin for each in ordered[1:]] + [size], strict=True):
        yield each.name, following


def _text(file: BinaryIO) -> bytes:
    length = file.read(8)
    return length + file.read(struct.unpack("<Q", length)[0])


def _tensor(file: BinaryIO) -> Tensor:
    name, many = _text(file), file.read(4)
    shape = file.read(8 * struct.unpack("<I", many)[0] + 4)
    return Tensor(row=name + many + shape, name=name[8:].decode(), begin=struct.unpack("<Q", file.read(8))[0])


def _value(file: BinaryIO) -> tuple[bytes, bytes]:
    """A key, and its kind and value as they stand."""
    key, kind = _text(file), file.read(4)
    return key[8:], kind + _data(file, struct.unpack("<I", kind)[0])


def _number(value: int) -> bytes:
    return struct.pack("<II", NUMBER, value)


def _words(vocabulary: bytes) -> list[bytes]:
    """The words of the vocabulary, from its value."""
    file = BytesIO(vocabulary)
    _, _, count = struct.unpack("<IIQ", file.read(16))
    return [_text(file)[8:] for _ in range(count)]


def _data(file: BinaryIO, kind: int) -> bytes:
    if kind == STRING:
        return _text(file)
    if kind != ARRAY:
        return file.read(WIDTHS[kind])
    head = file.read(12)
    inner, count = struct.unpack("<IQ", head)
    if inner in WIDTHS:
        return head + file.read(WIDTHS[inner] * count)
    return head + b"".join(_data(file, inner) for _ in range(count))
