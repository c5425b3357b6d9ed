"""Where in a Markdown file does the front matter stand, and what does it say on which line?

The one module that knows the format. python-frontmatter decides what counts as front matter; PyYAML's node tree gives
the lines, so that an error can name one and a write can change one value and leave every other byte as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml
from frontmatter.default_handlers import YAMLHandler

Scalar = str | int | float | bool | None

BYTE_ORDER_MARK = "\ufeff"
"""The byte-order mark that some editors put before a text. It stays where it is."""

MAX_HEAD_CHARS, MAX_NESTING_LEVELS = 64 * 1024, 20
"""Most characters of a front matter, and most levels of lists in lists."""

MAX_SHOWN_CHARS = 80
"""Most characters of a value that are shown in quotes."""

OPENING_TOKENS = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
CLOSING_TOKENS = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)


class _Words(yaml.SafeLoader):
    """Reads a plain word as the text that it is, and nothing else for null: what a word means its field says. To YAML
    `2026-12-01`, `Yes`, `0600` and `1:30` are a date, a truth, 384 and 90."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML declares it
        first: [pair for pair in pairs if pair[0] == "tag:yaml.org,2002:null"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_UNREADABLE = (yaml.YAMLError, ValueError, RecursionError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What PyYAML raises for a text that is none: `!!int ""` is an IndexError to it, `!!timestamp x` an AttributeError."""


class Malformed(Exception):
    """The front matter cannot be read."""

    def __init__(self, reason: str, line: int | None) -> None:
        self.reason, self.line = escape_surrogates(reason), line
        super().__init__(self.reason)


def escape_surrogates(text: str) -> str:
    """The text with what no terminal and no file takes (half a character) as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


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
    """Per key: offsets in `head` of the value's first and last character, and of its lines' start and end."""

    @property
    def body(self) -> str:
        """What follows the front matter."""
        return self.text[self.body_start :]


_INVISIBLE = r"\u200b-\u200f\u2060\ufeff"
_GAP = rf"[ \t\xa0{_INVISIBLE}]*"
_NOTHING = re.compile(rf"(?:[\s{_INVISIBLE}]|<!--.*?-->)*", re.DOTALL)
_MEANT = re.compile(
    rf"{_GAP}(?:[-\u2010-\u2015\u2212]{{1,6}}|-{{3,6}}[ \t]*(?:ya?ml|toml|json|#[^\r\n]*)|\+{{3}}|[`~]{{3,}}\s*ya?ml)"
    rf"{_GAP}(?:\r\n?|\n)[\s{_INVISIBLE}]*\w[\w-]*\s*[:=]"
)
"""A fence as people and their editors write it, and below it the first key."""


def refuse_misplaced(text: str) -> None:
    """Raises Malformed for a front matter that was plainly meant and is none: not first, or with another fence."""
    found = None if YAMLHandler().detect(text) else _MEANT.match(text, _start_of_line(text))
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise Malformed("this looks like front matter, which begins with a line --- at the very top of the file", line)


def _start_of_line(text: str) -> int:
    """Where the first line begins that holds more than blanks and comments."""
    blank = _NOTHING.match(text)
    at = blank.end() if blank else 0
    lines = (text.rfind(end, 0, at) + 1 for end in "\r\n")
    return max(*lines, text.rfind("-->", 0, at) + 3 if "-->" in text[:at] else 0)


def split(text: str) -> FrontMatter:
    """Reads a file's front matter; a file without any has empty fields. Raises Malformed with a line number."""
    handler = YAMLHandler()
    if not handler.detect(text):
        return FrontMatter(text=text, head="", start=0, body_start=0, fields={}, lines={}, spans={})
    boundary = handler.FM_BOUNDARY
    opening = boundary.match(text)
    assert opening is not None  # detect() matched the same expression
    start = text.index("\n", opening.start()) + 1 if "\n" in text else len(text)
    closing = boundary.search(text, start)
    if closing is None:
        raise Malformed("the front matter opens with --- and is never closed by a second ---", 1)
    head = text[start : closing.start()]
    after = text.find("\n", closing.start())
    body_start = len(text) if after < 0 else after + 1
    fields, lines, spans = _parse_yaml(head)
    return FrontMatter(
        text=text, head=head, start=start, body_start=body_start, fields=fields, lines=lines, spans=spans
    )


def _parse_yaml(head: str) -> tuple[dict[str, object], dict[str, int], dict[str, tuple[int, int, int, int]]]:
    try:
        _refuse_bombs(head)
        loader = _Words(head)  # one pass for the places and the values: YAML is most of what reading costs
        root = loader.get_single_node()
        pairs = list(root.value) if isinstance(root, yaml.MappingNode) else []  # constructing resolves `<<` in place
        fields: dict[str, object] = loader.construct_document(root) if root is not None else {}
        repr(fields)  # 0xFFF… may be a number that Python reads and then refuses to print, wherever that is tried
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is None:
            raise Malformed(f"the YAML cannot be read: {error.problem}", None) from error
        place = f"at {mark.line + 2}:{mark.column + 1}: {error.problem}; {_remedy(head, mark.line)}"
        raise Malformed(f"the YAML cannot be read {place}", mark.line + 2) from error
    except _UNREADABLE as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise Malformed(f"the YAML cannot be read: {why}", None) from error
    if root is None:
        return {}, {}, {}
    if not isinstance(root, yaml.MappingNode):
        raise Malformed("the front matter must be `key: value` lines", 2)
    return fields, *_locate_keys(head, pairs)


_PAIR = re.compile(r"([ ]*[\w-]+):[ ]+([^\s\[{|>\"'].*)")


def _remedy(head: str, number: int) -> str:
    """What to write in the place of a line that is no YAML."""
    line = (head.split("\n")[number : number + 1] or [""])[0]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not with tabs"
    pair = _PAIR.fullmatch(line.rstrip())
    if pair and len(pair[2]) <= MAX_SHOWN_CHARS:
        return f"put it in quotes: {pair[1].strip()}: {json.dumps(pair[2], ensure_ascii=False)}"
    return "put a text with such characters in quotes"


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


_TAG_CHARS = frozenset("&*!")
NESTING_CHARS = "[{-?:"


def _refuse_bombs(head: str) -> None:
    """What takes PyYAML minutes, or all memory, is refused before it is read. Raises Malformed and yaml.YAMLError."""
    if len(head) > MAX_HEAD_CHARS:
        raise Malformed(f"the front matter has {len(head):,} characters; it has at most {MAX_HEAD_CHARS:,}", None)
    if not _TAG_CHARS & set(head) and sum(map(head.count, NESTING_CHARS)) <= MAX_NESTING_LEVELS:
        return  # each level takes one of these: to look at the tokens would take as long as to read it
    depth = 0
    for token in yaml.scan(head):
        if isinstance(token, yaml.AliasToken | yaml.AnchorToken):  # an alias can expand without end
            line = token.start_mark.line
            why = "YAML anchors and aliases (&name, *name) are not allowed in front matter"
            raise Malformed(f"{why}; {_remedy(head, line)}", line + 2)
        if isinstance(token, yaml.TagToken) and token.value[0] != "!!":
            line = token.start_mark.line
            raise Malformed(f"to YAML a word that begins with ! is a tag; {_remedy(head, line)}", line + 2)
        depth += isinstance(token, OPENING_TOKENS) - isinstance(token, CLOSING_TOKENS)
        if depth > MAX_NESTING_LEVELS:
            raise Malformed("the YAML cannot be read: it is nested too deeply", token.start_mark.line + 2)


def _locate_keys(
    head: str, pairs: list[tuple[yaml.Node, yaml.Node]]
) -> tuple[dict[str, int], dict[str, tuple[int, int, int, int]]]:
    lines: dict[str, int] = {}
    spans: dict[str, tuple[int, int, int, int]] = {}
    for key, value in pairs:
        name, line = str(key.value), key.start_mark.line + 2  # the fence is line 1
        if not isinstance(key, yaml.ScalarNode):
            raise Malformed("a key in the front matter must be a plain word", line)
        if name in lines:
            raise Malformed(f"“{name}” stands twice, on lines {lines[name]} and {line}", line)
        lines[name] = line
        first = head.rfind("\n", 0, key.start_mark.index) + 1
        end = head.find("\n", value.end_mark.index)
        spans[name] = (value.start_mark.index, value.end_mark.index, first, len(head) if end < 0 else end + 1)
    return lines, spans


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
    closing = YAMLHandler.FM_BOUNDARY.search(rest)
    head, tail = (rest[: closing.start()], rest[closing.start() :]) if closing else ("", rest)
    names = "|".join(map(re.escape, changes))
    kept = re.sub(rf"^(?:{names}):.*\n", "", head, flags=re.MULTILINE)
    fresh = [f"{key}: {print_scalar(value)}{newline}" for key, value in changes.items() if value is not None]
    return fence + "\n" + "".join(fresh) + kept + tail
