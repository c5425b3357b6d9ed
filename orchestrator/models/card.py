"""What does a GGUF file say of itself: how much context it was trained for, how its weights are stored?"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from orchestrator.models.gguf import FILE_TYPE, SIZES, STRING, NotGguf, Reader

MAGIC = 0x46554747
ARCHITECTURE = b"general.architecture"
NAMES = (
    "F32 F16 Q4_0 Q4_1 . . . Q8_0 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K IQ2_XXS "
    "IQ2_XS Q2_K_S IQ3_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ3_M IQ2_S IQ2_M IQ4_XS IQ1_M BF16"
)
FORMATS = dict(enumerate(NAMES.split()))
"""general.file_type, as the format's description numbers it."""
INTEGERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 10: "Q", 11: "q"}


@dataclass(frozen=True, kw_only=True)
class Card:
    """`context_tokens` is 0 where the file does not say."""

    context_tokens: int = 0
    quantisation: str = ""
    parameters: int = 0


def read_card(path: Path) -> Card:
    """Reads the beginning of a file. Raises NotGguf, OSError."""
    state = path.stat()
    return _read(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, size: int, _: int) -> Card:
    if size < 24:
        raise NotGguf("too short")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        reader = Reader(data)
        try:
            magic, version, tensors, count = reader.take("IIQQ")
            if magic != MAGIC or version not in (2, 3):
                raise NotGguf("not a GGUF file of version 2 or 3")
            values = dict(_value(reader) for _ in range(count))
            weights = sum(_weights(reader) for _ in range(tensors))
        except (struct.error, KeyError, IndexError, OverflowError, MemoryError, UnicodeDecodeError) as error:
            raise NotGguf(f"damaged: {error}") from error
    family = values.get(ARCHITECTURE.decode(), "")
    context, kind = values.get(f"{family}.context_length", 0), values.get(FILE_TYPE.decode(), -1)
    return Card(
        context_tokens=context if isinstance(context, int) else 0,
        quantisation=FORMATS.get(kind, "") if isinstance(kind, int) else "",
        parameters=weights,
    )


def _value(reader: Reader) -> tuple[str, int | str]:
    """A key and its value; lists and fractions are passed over."""
    key = reader.text().decode()
    (kind,) = reader.take("I")
    if kind == STRING:
        return key, reader.text().decode(errors="replace")
    if kind in INTEGERS:
        return key, reader.take(INTEGERS[kind])[0]
    reader.skip(kind)
    return key, 0


def _weights(reader: Reader) -> int:
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


def parameters(count: int) -> str:
    """A number of weights as people say it."""
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.0f}M" if count else ""
