"""How does a valid document become one that nobody would have written?"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

TOKENS: tuple[bytes, ...] = (
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc2\x85", b"\xe2\x80\xa8", b"\x1b[2J", b"\xe2\x80\xae"),
    *(b"\n", b"\r", b"\r\n", b"\t", b" ", b"---\n", b"\n---\n", b"```text\n", b"~~~", b"## ", b"<!--", b"-->", b"| "),
    *(b'"', b"'", b"{", b"}", b"[", b"]", b",", b": ", b" = ", b"#", b"&a ", b"*a", b"<<: ", b"!!int ", b"!x ", b"%"),
    *(b"[" * 2000, b'{"a":' * 2000, b"(" * 500, b"> " * 500, b"- " * 500, b"9" * 5000, b"a" * 5000, b"=" * 500),
    *(b"../../etc", b"\\ud800", b"\\u0000", b"\\x00", b"0x" + b"f" * 5000, b"1e999", b"-1", b"0"),
)
"""Pieces that readers trip over."""

VALUES: tuple[bytes, ...] = (
    *(b"null", b"~", b"true", b"false", b"yes", b"nan", b"NaN", b"Infinity", b".inf", b"-.inf", b"-1", b"0", b"1e400"),
    *(b"1" + b"0" * 400, b"9" * 5000, b"0x" + b"f" * 5000, b"99999999999999999999", b"-9223372036854775809", b"1.5"),
    *(b"[]", b"{}", b'""', b"''", b'[""]', b"[null]", b"[[[]]]", b'{"a": 1}', b"[1, 2]", b'"\\ud800"', b'"\\u0000"'),
    *(
        b"0001-01-01",
        b"9999-12-31",
        b"2026-02-30",
        b"9999-12-31T23:59:59-23:59",
        b"0001-01-01T00:00:00+23:59",
        b"12:30",
    ),
    *(b"a" * 5000, "é\u202e\u2028".encode(), b'"' + b"x" * 3000 + b'"', b"[" * 300 + b"]" * 300, b"\xff", b'"../../x"'),
)
"""What may stand in the place of any value."""

_VALUE = re.compile(rb"(?<=[:=] )[^\n,}\]]+|(?<=\":)[^\n,}\]]+|(?<=\| )[^|\n]+|[0-9]+|[0-9a-f]{40}")

Change = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def mutated(valid: Sequence[bytes], seed: int, changes: int) -> bytes:
    """One of the valid documents after so many changes; the same seed gives the same bytes."""
    chance = random.Random(seed)
    data = chance.choice(valid)
    for _ in range(changes):
        data = chance.choice(_CHANGES)(chance, data, valid)
    return data


def _place(chance: random.Random, data: bytes) -> tuple[int, int]:
    """A slice of the data, mostly a short one."""
    start = chance.randint(0, len(data))
    return start, min(len(data), start + chance.choice((0, 1, 4, 40, 400)))


def _insert(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.choice(TOKENS) + data[at:]


def _overwrite(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _place(chance, data)
    return data[:start] + chance.choice((*TOKENS, chance.randbytes(4))) + data[end:]


def _repeat(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _place(chance, data)
    return data[:end] + data[start:end] * chance.choice((1, 3, 30)) + data[end:]


def _splice(chance: random.Random, data: bytes, valid: Sequence[bytes]) -> bytes:
    other = chance.choice(valid)
    return data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]


def _value(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Another value for one that stands there: what it is read as has another kind, sign or size."""
    found = list(_VALUE.finditer(data))
    if not found:
        return _insert(chance, data, ())
    old = chance.choice(found)
    return data[: old.start()] + chance.choice(VALUES) + data[old.end() :]


def _line(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A line twice, gone, or elsewhere."""
    lines = data.split(b"\n")
    moved = lines.pop(chance.randrange(len(lines))) if chance.random() < 0.7 else chance.choice(lines)
    if chance.random() < 0.6:
        lines.insert(chance.randint(0, len(lines)), moved)
    return b"\n".join(lines)


_CHANGES: tuple[Change, ...] = (_insert, _overwrite, _repeat, _splice, _value, _value, _value, _line)


def grown(valid: bytes, token: bytes, size: int, where: float) -> bytes:
    """A valid document with a token again and again in it, `size` bytes long in all."""
    at = int(len(valid) * where)
    return valid[:at] + (token * (size // len(token) + 1))[: max(0, size - len(valid))] + valid[at:]


GROWING: tuple[bytes, ...] = (b"\n", b"\t", b"a ", b"[", b"<!--", b"---\n", b"```\n", b"@@ -1 +1 @@\n")
"""What is said again and again in a large document,"""
MORE_GROWING: tuple[bytes, ...] = (
    *(b"a", b" ", b"\\", b"`", b"# a\n", b"- a\n", b"a\n", b"- x: y\n", b"a: b\n", b"a = 1\n", b"## 2026-11-21\n"),
    *(
        b"```text\nx\n",
        b"{",
        b'{"a":',
        b"[1],",
        b"<!-- x -->",
        b"*",
        b"**",
        b"_a_ ",
        b"| a ",
        b"|\n",
        b"(",
        b"/a",
        b"://",
    ),
    *(
        b"a/b.py ",
        b"\r",
        b"\0",
        b"\xff",
        b"9",
        b"+x\n",
        b'"',
        b"'",
        b"x,",
        b"a,b ssh-ed25519 AAAA\n",
        b" x\n",
        b"=",
        b"? ",
    ),
    *(
        b"<<<<<<< a\n=======\n>>>>>>> b\n",
        b"100644 a\0" + b"a" * 20,
        b"parent " + b"a" * 40 + b"\n",
        b"key=abc ",
        b"&a ",
    ),
    *(b"-----BEGIN ", b"1. a\n   - b\n", b"!!x ", b"%41", b"&#65;", b"x:\n"),
)
"""and what is, besides, by night."""
