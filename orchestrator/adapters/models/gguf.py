"""What does a GGUF file say of the model in it?

The format is small: header, key-value pairs, a table of tensors, aligned data
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). Only what stands before the weights is read.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

MAGIC = 0x46554747
ARCHITECTURE = "general.architecture"
FILE_TYPE = "general.file_type"
FORMAT_NAMES = (
    "F32 F16 Q4_0 Q4_1 . . . Q8_0 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K IQ2_XXS "
    "IQ2_XS Q2_K_S IQ3_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ3_M IQ2_S IQ2_M IQ4_XS IQ1_M BF16"
)
FORMATS = dict(enumerate(FORMAT_NAMES.split()))
"""general.file_type, as the format's description numbers it."""
INTEGER_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 10: "Q", 11: "q"}
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of each scalar type of a value."""
STRING, ARRAY = 8, 9
LENGTH = struct.Struct("<Q")
"""How long a string is, before it."""
MAX_DIMENSIONS = 16
MAX_DEPTH = 8
"""Lists in lists."""


class NotGguf(ValueError):
    """A file that cannot be read as GGUF."""


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
    family = values.get(ARCHITECTURE, "")
    context, kind = values.get(f"{family}.context_length", 0), values.get(FILE_TYPE, -1)
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
    if count > MAX_DIMENSIONS:
        raise NotGguf("damaged: a tensor of too many dimensions")
    *shape, _, _ = reader.take(f"{count}QIQ")
    return math.prod(shape)


def format_parameters(count: int) -> str:
    """A number of weights as people say it."""
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.0f}M" if count else ""


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

    def skip(self, kind: int, depth: int = 0) -> None:
        """Passes over a value. Raises NotGguf for lists in lists without end."""
        if depth > MAX_DEPTH:
            raise NotGguf("damaged: a list of too many lists in each other")
        if kind == STRING:
            self.text()
        elif kind == ARRAY:
            inner, count = self.take("IQ")
            if inner in SIZES:
                self.at += SIZES[inner] * count
            elif inner == STRING:
                self._skip_texts(count)
            else:
                for _ in range(count):
                    self.skip(inner, depth + 1)
        else:
            self.at += SIZES[kind]

    def _skip_texts(self, count: int) -> None:
        """Passes over strings: a vocabulary's hundred thousand, at each start of a node, so none is looked at."""
        data, at, length = self.data, self.at, LENGTH.unpack_from
        for _ in range(count):
            at += LENGTH.size + length(data, at)[0]
        self.at = at
