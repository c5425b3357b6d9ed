"""What does YAML say between the fences, and on which line?

PyYAML's node tree gives the lines. Loading PyYAML takes a third as long as a list of missions may: `frontmatter` reads
what is written plainly without it.
"""

from __future__ import annotations

import json
import re

import yaml

from missions.errors import Malformed
from missions.plain_fields import MAX_HEAD_CHARS, MAX_SHOWN_CHARS, Fields, Lines, Spans

MAX_NESTING_LEVELS = 20
"""Most levels of lists in lists."""
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


def parse_yaml(head: str) -> tuple[Fields, Lines, Spans]:
    """The fields with their lines and places. Raises Malformed."""
    try:
        _refuse_bombs(head)
        loader = _Words(head)  # one pass for the places and the values: YAML is most of what reading costs
        root = loader.get_single_node()
        pairs = list(root.value) if isinstance(root, yaml.MappingNode) else []  # constructing resolves `<<` in place
        fields: Fields = loader.construct_document(root) if root is not None else {}
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


def _locate_keys(head: str, pairs: list[tuple[yaml.Node, yaml.Node]]) -> tuple[Lines, Spans]:
    lines: Lines = {}
    spans: Spans = {}
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
