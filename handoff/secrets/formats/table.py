"""What is a row in a table of key formats, and which pattern is made of it?

A format is a fixed beginning and a run of characters that a provider documents. Two habits keep every pattern linear
in the length of the text, whatever the text is:

1. The fixed beginning stands first, so that it is found by a literal search, and what may not stand before it is asked
   afterwards, by a lookbehind of fixed width.
2. The run that follows is greedy and takes the whole run, so that no second match can begin inside it. Where something
   must follow the run and can be missing, the run is bounded or the lookbehind refuses its characters.

Public identifiers (Stripe `pk_`, AWS account ids, Twilio `AC…`) are in no table: they are not secret.
"""

import re
from dataclasses import dataclass
from functools import cached_property

WORD = "[A-Za-z0-9]"
URL = "[A-Za-z0-9_-]"
HEX = "[0-9a-f]"
LOWER = "[a-z0-9]"
UPPER = "[A-Z0-9]"
BASE64 = "[A-Za-z0-9+/]"
END = r"(?!\w)"

WORDS = "[A-Za-z0-9-]"
"""What may not stand before a beginning that words end with, as `risk-` does with `sk-`."""
NAMES = "[A-Za-z0-9_-]"
"""The same for a beginning that also stands within names."""
BLOBS = "[A-Za-z0-9+/-]"
"""What may not stand before a beginning that is common within base64."""

_RUN = re.compile(r"(?P<set>\[[^\]]+\])\{(?P<least>\d+),?\}")
_LEAST_TO_JOIN = 20  # a shorter key could be two words


@dataclass(frozen=True, kw_only=True)
class SecretFormat:
    """One documented key format; group 1 is the secret, or the whole match where there is no group.

    `literal` stands in every match: a text without it needs no search, and most patterns are never compiled. `cut`
    finds the same key broken over two lines, as group 1 and 2, which need `least` characters together; only keys of one run
    have it.
    """

    kind: str
    beginning: str
    literal: str
    expression: str
    source: str
    cut_expression: str = ""
    least: int = 0

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The key in one piece."""
        return re.compile(self.expression)

    @cached_property
    def cut(self) -> re.Pattern[str] | None:
        """The key on two lines."""
        return re.compile(self.cut_expression) if self.cut_expression else None


def begins(kind: str, beginnings: str, body: str, source: str, *, apart: str = "") -> tuple[SecretFormat, ...]:
    """Keys that start with one of these texts; `apart` is what may not stand before it."""
    return tuple(_format(kind, beginning, body, source, apart) for beginning in beginnings.split())


def shaped(kind: str, literal: str, expression: str, source: str) -> tuple[SecretFormat, ...]:
    """Keys whose fixed text does not stand at their beginning."""
    return (SecretFormat(kind=kind, beginning="", literal=literal, expression=expression, source=source),)


def _format(kind: str, beginning: str, body: str, source: str, apart: str) -> SecretFormat:
    literal = re.escape(beginning)
    start = f"{literal}(?<!{apart}{literal})" if apart else literal
    run = _RUN.fullmatch(body.removesuffix(END))
    least = int(run["least"]) if run and int(run["least"]) >= _LEAST_TO_JOIN else 0
    return SecretFormat(
        kind=kind,
        beginning=beginning,
        literal=beginning,
        expression=start + body,
        source=source,
        cut_expression=_cut(start, run["set"], least) if run and least else "",
        least=least,
    )


def _cut(start: str, part: str, least: int) -> str:
    return rf"{start}({part}{{4,{least - 1}}}+)[\\=]?\r?\n[ \t>|+#]{{0,12}}({part}{{4,400}}+)"
