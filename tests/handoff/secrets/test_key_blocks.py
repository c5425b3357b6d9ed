"""Are the lines of a private key found, whole or with one end missing, however they are quoted?"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable

import pytest

from handoff.secrets.key_blocks import find_key_blocks

BODY = base64.b64encode(random.Random(1).randbytes(48 * 6)).decode()
LINES = [BODY[at : at + 64] for at in range(0, len(BODY), 64)]
RULE, KIND = "-" * 5, "OPENSSH PRIVATE KEY"
BEGIN, END = f"{RULE}BEGIN {KIND}{RULE}", f"{RULE}END {KIND}{RULE}"
BLOCK = "\n".join([BEGIN, *LINES, END])


def found(text: str) -> list[str]:
    """The blocks as they stand there."""
    return [text[start:end] for start, end, kind in find_key_blocks(text) if kind == "private-key"]


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
def test_a_block_is_found_with_both_its_ends(kind: str) -> None:
    """Of each kind, in the midst of a text."""
    block = BLOCK.replace(KIND, kind)
    assert found(f"before\n{block}\nafter\n") == [block]


@pytest.mark.parametrize(
    "quoted",
    [
        lambda text: text.replace("\n", "\n> "),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\\n"),
        lambda text: text.replace("\n", "\n    "),
        lambda text: text.replace("\n", "\n+"),
        lambda text: text.replace(RULE, "\u2014\u2014"),
    ],
    ids=["mail", "windows", "escaped", "indented", "patch", "dashes"],
)
def test_a_quoted_block_is_found_whole(quoted: Callable[[str], str]) -> None:
    """No line of it is left over."""
    (block,) = found(f"a\n{quoted(BLOCK)}\nb")
    assert all(line in block for line in LINES)


def test_lines_below_a_beginning_without_an_end_are_a_key() -> None:
    """A file that was cut off; what follows is not taken."""
    (block,) = found(f"{BEGIN}\n" + "\n".join(LINES) + "\nand so on\n")
    assert block.rstrip("\n").endswith(LINES[-1])
    assert "and so on" not in block


def test_lines_above_an_end_without_a_beginning_are_a_key() -> None:
    """A screen that shows the rest of one."""
    (block,) = found("so far\n" + "\n".join(LINES) + f"\n{END}\n")
    assert block.startswith(LINES[0])
    assert block.endswith(END)


@pytest.mark.parametrize(
    "text",
    [
        f'if "{BEGIN}" in text and "{END}" in text:\n    pass\n',
        f"{BEGIN}\nnothing\n",
        f"a line\n{END}\n",
        BLOCK.replace("PRIVATE", "PUBLIC"),
        "\n".join(LINES),
    ],
    ids=["code", "beginning alone", "end alone", "public", "no mark"],
)
def test_what_holds_no_key_is_left(text: str) -> None:
    """Code that names both ends, marks without lines, public keys."""
    assert found(text) == []


def test_two_blocks_are_two() -> None:
    """One after the other, the second without its end."""
    second = "\n".join([BEGIN, *LINES])
    assert len(found(f"{BLOCK}\n\n{second}\n")) == 2


def test_a_key_of_putty_is_found_by_its_count() -> None:
    """Its private lines have a head of their own; its public lines stay."""
    text = f"Public-Lines: 2\n{LINES[0]}\n{LINES[1]}\nPrivate-Lines: 2\n{LINES[2]}\n{LINES[3]}\nPrivate-MAC: 1\n"
    (block,) = found(text)
    assert block.split() == LINES[2:4]


def test_a_long_text_without_ends_takes_no_time_for_each_line() -> None:
    """An end looks back over as many characters as the largest key has, and no further."""
    lines = "\n".join(LINES * 200)
    (block,) = found(f"{lines}\n{END}\n")
    assert len(block) < 25_000
