"""What is said in a load run, and what must the stand-in answer? Known on both sides, so every answer can be checked.

Each message has a mark of its own, by which it is found again in histories, and must not be found in logs.
"""

from __future__ import annotations

import re
from hashlib import blake2b

BEAST, ECHO = "zebra", "okapi"
"""Words that stand in every message and in every answer, and nowhere else."""
MARK = re.compile(rf"{BEAST}-\d+-\d+-[a-z0-9]+")
LONG = "at length"
"""Asks for an answer of some 60 KB."""
LONG_PIECES = 60


def mark(seed: int, number: int, part: str) -> str:
    """The mark of one message of one request."""
    return f"{BEAST}-{seed}-{number}-{part}"


def found(text: str) -> str:
    """The last mark in a text; "" where there is none."""
    marks = MARK.findall(text)
    return marks[-1] if marks else ""


def pieces(message: str) -> list[str]:
    """The answer to a message, in the pieces in which it comes."""
    name = found(message)
    if LONG in message:
        return [f"{ECHO} {name} {n} " + "word " * 200 for n in range(LONG_PIECES)]
    return [f"{ECHO} {name}", *(f" {_number(name) % (n + 7)}" for n in range(3 + _number(name) % 20))]


def answer(message: str) -> str:
    """The whole answer."""
    return "".join(pieces(message))


def pause(message: str) -> float:
    """Seconds before each piece."""
    return 0.001 * (_number(found(message)) // 32 % 12)


def chunked(message: str) -> bool:
    """Whether the answer comes in chunks; else its end is the connection's."""
    return bool(_number(found(message)) % 2)


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest())
