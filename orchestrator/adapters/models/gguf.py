"""What is in a GGUF file, and how are its weights stored another way?

llama.cpp's own `llama_model_quantize` is not in the xllamacpp wheel, but the two functions that it is built on are:
`dequantize_row_*` and `ggml_quantize_chunk`. The rest of the format is small: header, key-value pairs, a table of
tensors, aligned data (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
"""

from __future__ import annotations

import ctypes
import math
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

MAGIC = 0x46554747
ARCHITECTURE = b"general.architecture"
FORMAT_NAMES = (
    "F32 F16 Q4_0 Q4_1 . . . Q8_0 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K IQ2_XXS "
    "IQ2_XS Q2_K_S IQ3_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ3_M IQ2_S IQ2_M IQ4_XS IQ1_M BF16"
)
FORMATS = dict(enumerate(FORMAT_NAMES.split()))
"""general.file_type, as the format's description numbers it."""
INTEGER_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 10: "Q", 11: "q"}


@dataclass(frozen=True, kw_only=True)
class GgufInfo:
    """`context_tokens` is 0 where the file does not say."""

    context_tokens: int = 0
    quantisation: str = ""
    parameters: int = 0


def read_gguf_info(path: Path) -> GgufInfo:
    """Reads the beginning of a file. Raises NotGguf, OSError."""
    state = path.stat()
    return _read_cached(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _read_cached(path: Path, size: int, _: int) -> GgufInfo:
    if size < 24:
        raise NotGguf("too short")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        reader = GgufReader(data)
        try:
            magic, version, tensors, count = reader.take("IIQQ")
            if magic != MAGIC or version not in (2, 3):
                raise NotGguf("not a GGUF file of version 2 or 3")
            values = dict(_read_value(reader) for _ in range(count))
            weights = sum(_count_weights(reader) for _ in range(tensors))
        except (struct.error, KeyError, IndexError, OverflowError, MemoryError, UnicodeDecodeError) as error:
            raise NotGguf(f"damaged: {error}") from error
    family = values.get(ARCHITECTURE.decode(), "")
    context, kind = values.get(f"{family}.context_length", 0), values.get(FILE_TYPE.decode(), -1)
    return GgufInfo(
        context_tokens=context if isinstance(context, int) else 0,
        quantisation=FORMATS.get(kind, "") if isinstance(kind, int) else "",
        parameters=weights,
    )


def _read_value(reader: GgufReader) -> tuple[str, int | str]:
    """A key and its value; lists and fractions are passed over."""
    key = reader.text().decode()
    (kind,) = reader.take("I")
    if kind == STRING:
        return key, reader.text().decode(errors="replace")
    if kind in INTEGER_FORMATS:
        return key, reader.take(INTEGER_FORMATS[kind])[0]
    reader.skip(kind)
    return key, 0


def _count_weights(reader: GgufReader) -> int:
    """Passes over a row of the table of tensors; returns how many numbers it is of."""
    reader.text()
    (count,) = reader.take("I")
    if count > len(SIZES):
        raise NotGguf("damaged: a tensor of too many dimensions")
    *shape, _, _ = reader.take(f"{count}QIQ")
    made = 1
    for each in shape:
        made *= each
    return made


def format_parameters(count: int) -> str:
    """A number of weights as people say it."""
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.0f}M" if count else ""


F32, Q8_0 = 0, 8
BLOCK = 32
"""Weights in one block of every format that is handled here."""
BLOCK_BYTES = {2: 18, 3: 20, 6: 22, 7: 24, Q8_0: 34}
SOURCES = {2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1"}
"""Formats that can be made into Q8_0."""
FILE_TYPE = b"general.file_type"
ALIGNMENT = b"general.alignment"
MOSTLY_Q8_0 = 7
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of each scalar type of a value."""
STRING, ARRAY = 8, 9
PIECE = 1024
"""Blocks that are converted at a time: little memory, and the interpreter's lock is let go often enough."""


class NotGguf(ValueError):
    """A file that cannot be read as GGUF, or holds weights in a format that is not handled."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One row of the table. `at` is counted from the beginning of the data."""

    name: bytes
    shape: tuple[int, ...]
    kind: int
    at: int

    @property
    def weights(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Its length in bytes. Raises NotGguf."""
        if self.kind == F32:
            return 4 * self.weights
        if self.kind not in BLOCK_BYTES:
            raise NotGguf(f"weights of type {self.kind} are not handled")
        return self.weights // BLOCK * BLOCK_BYTES[self.kind]

    def row(self) -> bytes:
        """Its row of the table."""
        head = struct.pack("<Q", len(self.name)) + self.name + struct.pack("<I", len(self.shape))
        return head + struct.pack(f"<{len(self.shape)}QIQ", *self.shape, self.kind, self.at)


class GgufReader:
    """Walks the bytes of a file from front to back."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> tuple[int, ...]:
        """The next numbers, as struct reads them."""
        found = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return found

    def text(self) -> bytes:
        """The next string."""
        (length,) = self.take("Q")
        self.at += length
        return self.data[self.at - length : self.at]

    def skip(self, kind: int) -> None:
        """Passes over a value."""
        if kind == STRING:
            self.text()
        elif kind == ARRAY:
            inner, count = self.take("IQ")
            if inner in SIZES:
                self.at += SIZES[inner] * count
            else:
                for _ in range(count):
                    self.skip(inner)
        else:
            self.at += SIZES[kind]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where everything is. `values` is the bytes before the table; `file_type_at` is within them."""

    values_end: int
    file_type_at: int | None
    alignment: int
    tensors: tuple[Tensor, ...]
    data_at: int


def read_layout(data: mmap.mmap) -> Layout:
    """Reads all but the weights. Raises NotGguf."""
    reader = GgufReader(data)
    try:
        magic, version, tensors, values = reader.take("IIQQ")
        if magic != 0x46554747 or version not in (2, 3):
            raise NotGguf("not a GGUF file of version 2 or 3")
        numbers = dict(_number(reader) for _ in range(values))
        values_end = reader.at
        table = tuple(_tensor(reader) for _ in range(tensors))
    except (struct.error, KeyError, OverflowError, MemoryError) as error:
        raise NotGguf(f"damaged: {error}") from error
    at = numbers.get(ALIGNMENT)
    alignment = 32 if at is None else struct.unpack_from("<I", data, at)[0]
    return Layout(
        values_end=values_end,
        file_type_at=numbers.get(FILE_TYPE),
        alignment=alignment,
        tensors=table,
        data_at=_aligned(reader.at, alignment),
    )


def _number(reader: GgufReader) -> tuple[bytes, int]:
    """Passes over a key and its value; returns the key and where the value is."""
    key = reader.text()
    (kind,) = reader.take("I")
    at = reader.at
    reader.skip(kind)
    return key, at


def _tensor(reader: GgufReader) -> Tensor:
    name = reader.text()
    (count,) = reader.take("I")
    *shape, kind, at = reader.take(f"{count}QIQ")
    return Tensor(name=name, shape=tuple(shape), kind=kind, at=at)


def _aligned(at: int, alignment: int) -> int:
    return -(-at // alignment) * alignment


def requantise(source: Path, target: Path, library: Path) -> None:
    """Writes `source` to `target` with its 4- and 5-bit weights as Q8_0. `library` is xllamacpp's shared object.

    The weights stay what they are, but for rounding; a CPU reads long prompts about twice as fast that way.
    Raises NotGguf, OSError, AttributeError (a library without the two functions).
    """
    functions = ctypes.CDLL(str(library))
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        layout = read_layout(data)
        with target.open("wb") as out:
            tensors = _head(data, layout, out)
            start = out.tell()
            for old, new in zip(layout.tensors, tensors, strict=True):
                out.write(b"\0" * (start + new.at - out.tell()))
                at = layout.data_at + old.at
                if old.kind == new.kind:
                    out.write(data[at : at + old.size])
                else:
                    _convert(functions, SOURCES[old.kind], data, at, old, out.write)


def _head(data: mmap.mmap, layout: Layout, out: BinaryIO) -> list[Tensor]:
    """Writes all that comes before the weights; returns the new table."""
    values = bytearray(data[: layout.values_end])
    if layout.file_type_at is not None:
        struct.pack_into("<I", values, layout.file_type_at, MOSTLY_Q8_0)
    tensors, at = [], 0
    for old in layout.tensors:
        tensors.append(replace(old, kind=Q8_0 if old.kind in SOURCES else old.kind, at=at))
        at = _aligned(at + tensors[-1].size, layout.alignment)
    head = bytes(values) + b"".join(each.row() for each in tensors)
    out.write(head.ljust(_aligned(len(head), layout.alignment), b"\0"))
    return tensors


def _convert(
    functions: ctypes.CDLL, kind: str, data: mmap.mmap, at: int, old: Tensor, write: Callable[[bytes], object]
) -> None:
    """Converts one tensor piece by piece; blocks never cross a row, so pieces may."""
    widen = getattr(functions, f"dequantize_row_{kind}")
    widen.argtypes, widen.restype = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int64], None
    narrow = functions.ggml_quantize_chunk
    narrow.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    narrow.restype = ctypes.c_size_t
    wide = (ctypes.c_float * (PIECE * BLOCK))()
    slim = ctypes.create_string_buffer(PIECE * BLOCK_BYTES[Q8_0])
    unit = BLOCK_BYTES[old.kind]
    for first in range(0, old.weights // BLOCK, PIECE):
        blocks = min(PIECE, old.weights // BLOCK - first)
        widen(data[at + first * unit : at + (first + blocks) * unit], wide, blocks * BLOCK)
        size = narrow(Q8_0, wide, slim, 0, 1, blocks * BLOCK, None)
        write(slim.raw[:size])
