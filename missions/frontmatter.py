"""Where in a Markdown file does the front matter stand, and what does it say on which line?

The one module that knows the format. `plain_fields` reads what is written plainly, and PyYAML (`yaml_parser`, loaded
when it is needed) all else; both tell places, so that an error can name a line and a write can change one value and
leave every other byte as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from missions.errors import Malformed as Malformed
from missions.plain_fields import MAX_SHOWN_CHARS, Fields, Lines, Spans, read_plain

Scalar = str | int | float | bool | None

MAX_KNOWN_HEADS = 64
"""Front matters that are kept as a YAML parser read them."""
BYTE_ORDER_MARK = "\ufeff"
"""The byte-order mark that some editors put before a text. It stays where it is."""

_NO_TEXT = frozenset({"null", "true", "false", "yes", "no", "on", "off"})
"""What begins with a letter and is no text to YAML 1.1 (https://yaml.org/type/): numbers and days begin otherwise."""
_SURE_TEXT = re.compile(r"[A-Za-z].*|[0-9].*[g-su-wyG-SU-WY].*|[0-9]+\.[0-9]+\.[0-9A-Za-z.]*")
"""A word, or what begins with a digit and has a letter that no number and no day has, or as a version does."""
_SURE_OTHER = re.compile(r"0|[1-9][0-9]*|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")
"""A whole number, a day or a moment."""

_FENCE = re.compile(r"^-{3,}\s*$", re.MULTILINE)
"""What python-frontmatter, as most tools, takes for the start and the end of front matter."""


@dataclass(frozen=True, kw_only=True)
class FrontMatter:
    """A file in its parts. `head` is the YAML text between the fences, `start` its offset in the text."""

    text: str
    head: str
    start: int
    body_start: int
    fields: Mapping[str, object]
    lines: Mapping[str, int]
    spans: Mapping[str, tuple[int, int, int, int]]

    @property
    def body(self) -> str:
        """What follows the front matter."""
        return self.text[self.body_start :]


_INVISIBLE = r"\u200b-\u200f\u2060\ufeff"
_GAP = rf"[ \t\xa0{_INVISIBLE}]*"
_NOTHING = rf"(?:[\s{_INVISIBLE}]|<!--.*?-->)*"
_MEANT = (
    rf"{_GAP}(?:[-\u2010-\u2015\u2212]{{1,6}}|-{{3,6}}[ \t]*(?:ya?ml|toml|json|#[^\r\n]*)|\+{{3}}|[`~]{{3,}}\s*ya?ml)"
    rf"{_GAP}(?:\r\n?|\n)[\s{_INVISIBLE}]*\w[\w-]*\s*[:=]"
)
"""A fence as people and their editors write it, and below it the first key."""


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """When it is first asked: most ledgers have no text without front matter, or none yet."""
    return re.compile(pattern, re.DOTALL)


def refuse_misplaced(text: str) -> None:
    """Raises Malformed for a front matter that was plainly meant and is none: not first, or with another fence."""
    found = None if _FENCE.match(text) else _compiled(_MEANT).match(text, _start_of_line(text))
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise Malformed("this looks like front matter, which begins with a line --- at the very top of the file", line)


def _start_of_line(text: str) -> int:
    """Where the first line begins that holds more than blanks and comments."""
    blank = _compiled(_NOTHING).match(text)
    at = blank.end() if blank else 0
    lines = (text.rfind(end, 0, at) + 1 for end in "\r\n")
    return max(*lines, text.rfind("-->", 0, at) + 3 if "-->" in text[:at] else 0)


def split(text: str) -> FrontMatter:
    """Reads a file's front matter; a file without any has empty fields. Raises Malformed with a line number."""
    opening = _FENCE.match(text)
    if not opening:
        return FrontMatter(text=text, head="", start=0, body_start=0, fields={}, lines={}, spans={})
    start = text.index("\n", opening.start()) + 1 if "\n" in text else len(text)
    closing = _FENCE.search(text, start)
    if closing is None:
        raise Malformed("the front matter opens with --- and is never closed by a second ---", 1)
    head = text[start : closing.start()]
    after = text.find("\n", closing.start())
    body_start = len(text) if after < 0 else after + 1
    fields, lines, spans = read_plain(head) or _parse(head)
    return FrontMatter(
        text=text, head=head, start=start, body_start=body_start, fields=fields, lines=lines, spans=spans
    )


@lru_cache(maxsize=MAX_KNOWN_HEADS)
def _parse(head: str) -> tuple[Fields, Lines, Spans]:
    """Of the versions of a file most differ in their text only. Nobody changes what is returned."""
    from missions.yaml_parser import parse_yaml

    return parse_yaml(head)


def refuse_cut(block: FrontMatter, text: str) -> None:
    """Raises Malformed where YAML takes a `#42` for a comment that was plainly meant as the value, or as the end of
    `text`, which is the name of a field."""
    for key, (start, end, _, last) in block.spans.items():
        rest = block.head[end:last]
        cut = key == text and block.head[start : start + 1] not in ("'", '"', "|", ">")
        if (cut or start == end) and re.match(r"[ \t]*#[^\s#]", rest):
            value = json.dumps((block.head[start:end] + rest).strip()[:MAX_SHOWN_CHARS], ensure_ascii=False)
            why = f"“{key}” would end before the #, which begins a comment; put it in quotes: {key}: {value}"
            raise Malformed(why, block.lines[key])


def newline_of(text: str) -> str:
    """The line ending that a file uses, by its first line."""
    first = text.partition("\n")[0]
    return "\r\n" if first.endswith("\r") else "\n"


def print_scalar(value: Scalar) -> str:
    """A value as YAML on one line: bare where that reads back as the same value, else in JSON's quotes."""
    if isinstance(value, str):
        bare = value and value.isascii() and all(c.isalnum() or c in " _./:-" for c in value)
        if bare and value == value.strip() and not value.endswith(":") and ": " not in value and _round_trips(value):
            return value
        return _quoted(value)
    if isinstance(value, float):
        import yaml

        return str(yaml.safe_dump(value)).partition("\n")[0]  # YAML 1.1 reads JSON's 1e-07 as text
    return json.dumps(value)


def print_list(values: Iterable[Scalar]) -> str:
    """Values as a YAML list on one line."""
    return f"[{', '.join(_print_item(value) for value in values)}]"


def _print_item(value: Scalar) -> str:
    plain = print_scalar(value)  # what is bare on a line of its own may hold what a list ends with
    return _quoted(value) if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9_./-]+", plain) else plain


def _quoted(value: str) -> str:
    """Double-quoted YAML: JSON with what YAML does not allow, or folds, as escapes (U+0085, U+2028, U+FEFF, …)."""
    return "".join(c if c.isprintable() else _escaped(c) for c in json.dumps(value, ensure_ascii=False))


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"


def _round_trips(value: str) -> bool:
    """Whether YAML takes ASCII words with nothing but ` _./:-` between them for the text that they are."""
    if _SURE_OTHER.fullmatch(value) or value.lower() in _NO_TEXT:
        return False
    if _SURE_TEXT.fullmatch(value):
        return True
    import yaml

    try:
        return bool(yaml.safe_load(f"key: {value}") == {"key": value})
    except (yaml.YAMLError, ValueError):
        return False


def write(text: str, changes: Mapping[str, Scalar]) -> str:
    """The file with some scalar fields set (None removes one). Every other byte stays as it was. Raises Malformed."""
    rest = text.removeprefix(BYTE_ORDER_MARK)
    return text[: len(text) - len(rest)] + _write(rest, changes)


def _write(text: str, changes: Mapping[str, Scalar]) -> str:
    block = split(text)
    newline = newline_of(text)
    if not block.start and not block.head:
        wanted = {key: value for key, value in changes.items() if value is not None}
        if not wanted:
            return text
        head = "".join(f"{key}: {print_scalar(value)}{newline}" for key, value in wanted.items())
        return f"---{newline}{head}---{newline}{text}"
    head = _edit_lines(block, changes, newline)
    new = text[: block.start] + head + text[block.start + len(block.head) :]
    if _fields_of(new) == _expected(block.fields, changes):
        return new
    import yaml

    # A shape that cannot be edited by line (`{a: 1}` on one line, or a closing `...`): write the block anew.
    dumped = yaml.safe_dump(_expected(block.fields, changes), allow_unicode=True, sort_keys=False, width=1_000_000)
    return text[: block.start] + dumped.replace("\n", newline) + text[block.start + len(block.head) :]


def _fields_of(text: str) -> Mapping[str, object] | None:
    try:
        return split(text).fields
    except Malformed:
        return None


def _expected(fields: Mapping[str, object], changes: Mapping[str, Scalar]) -> dict[str, object]:
    written = {key: _read_back(value) for key, value in changes.items()}
    merged = {**fields, **written}
    return {key: value for key, value in merged.items() if not (key in changes and value is None)}


def _read_back(value: Scalar) -> object:
    """What a value is called when it is read again."""
    return value if value is None or isinstance(value, str) else print_scalar(value)


def _edit_lines(block: FrontMatter, changes: Mapping[str, Scalar], newline: str) -> str:
    """Edits from the last line to the first, so that offsets stay right; new keys go to the end, indented alike."""
    head = block.head
    first_line = head[min((span[2] for span in block.spans.values()), default=0) :]
    indent = " " * (len(first_line) - len(first_line.lstrip(" ")))
    for key in sorted((k for k in changes if k in block.spans), key=lambda k: block.spans[k][0], reverse=True):
        value, (start, end, first, last) = changes[key], block.spans[key]
        if value is None:
            head = head[:first] + head[last:]
        else:
            space = "" if head[start - 1 : start].isspace() else " "
            head = head[:start] + space + print_scalar(value) + head[end:]
    if head and not head.endswith("\n"):
        head += newline
    fresh = [(key, value) for key, value in changes.items() if key not in block.spans and value is not None]
    return head + "".join(f"{indent}{key}: {print_scalar(value)}{newline}" for key, value in fresh)


def write_broken(text: str, changes: Mapping[str, Scalar]) -> str:
    """The same for a block that cannot be read: its first lines, in place of earlier ones of these fields.

    They count as soon as a person has mended the rest.
    """
    newline = newline_of(text)
    fence, _, rest = text.partition("\n")
    closing = _FENCE.search(rest)
    head, tail = (rest[: closing.start()], rest[closing.start() :]) if closing else ("", rest)
    names = "|".join(map(re.escape, changes))
    kept = re.sub(rf"^(?:{names}):.*\n", "", head, flags=re.MULTILINE)
    fresh = [f"{key}: {print_scalar(value)}{newline}" for key, value in changes.items() if value is not None]
    return fence + "\n" + "".join(fresh) + kept + tail
