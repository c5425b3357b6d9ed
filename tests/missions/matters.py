"""How do tests generate mission files as people write them: comments, quotes, CRLF, odd indents, flow style?"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from missions.fields import NODE_FIELDS

WORDS = st.text(alphabet="abcxyz ÄßÉ…日'\"#:-&", max_size=12)
COMMENTS = st.sampled_from(["", "  # why", " #", "   # 'quoted'"])
NEWLINES = st.sampled_from(["\n", "\r\n"])


def single(text: str) -> str:
    """The text in YAML's single quotes."""
    return "'" + text.replace("'", "''") + "'"


def double(text: str) -> str:
    """The text in YAML's double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


SCALARS = st.one_of(
    st.sampled_from(["word", "two words", "7", "0x1F", "1.5", "true", "yes", "~", "", "2026-12-01T08:00:00Z", "a:b"]),
    WORDS.map(single),
    WORDS.map(double),
    WORDS.map(lambda text: "!!str " + double(text)),
)
"""A value on one line."""

FLOWS = st.sampled_from(["[]", "[a, 'b, c' , \"d\"]", "{}", "{a: 1, b: [2]}", '["src/**"]'])
BLOCKS = st.sampled_from(
    [["- a", "- b  # second"], ["- x", "", "# between", "- y"], ["inner: 1", "other: [2]"], ["a longer", "plain value"]]
)
LITERALS = st.sampled_from([("|", ["one", "", "  two"]), (">-", ["folded", "lines"]), ("|+", ["kept", ""])])


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file with front matter, in the parts that a test compares."""

    before: str
    lines: tuple[str, ...]
    node_lines: dict[str, int]
    """For each node field that is there, its line among `lines`; all of them are on one line."""
    after: str
    newline: str

    @property
    def text(self) -> str:
        """The whole file."""
        return self.before + "".join(line + self.newline for line in self.lines) + self.after


@st.composite
def matters(draw: st.DrawFn) -> Written:
    """A file with front matter that is written line by line."""
    newline, indent = draw(NEWLINES), draw(st.sampled_from(["", "", "", "  ", "   "]))
    lines: list[str] = []
    node_lines: dict[str, int] = {}
    keys = draw(st.lists(st.sampled_from(["title", "to", "note", "scope", *NODE_FIELDS]), unique=True, max_size=7))
    for key in keys:
        lines += draw(st.sampled_from([[], [], [""], [f"{indent}# a comment"], ["   # another"]]))
        if key in NODE_FIELDS:
            node_lines[key] = len(lines)
            quoted = draw(st.sampled_from([key, double(key)]))
            lines.append(f"{indent}{quoted}: {draw(SCALARS)}{draw(COMMENTS)}")
        else:
            lines += _persons(draw, indent, key)
    lines += draw(st.sampled_from([[], [], [""], ["# the end"]]))
    body = draw(st.text(alphabet="ab \n-#'Ä", max_size=20)).replace("\n", newline)
    fence = draw(st.sampled_from(["---", "---  ", "-----"]))
    return Written(
        before=draw(st.sampled_from(["", "\ufeff"])) + fence + newline,
        lines=tuple(lines),
        node_lines=node_lines,
        after=f"---{newline}{body}",
        newline=newline,
    )


def _persons(draw: st.DrawFn, indent: str, key: str) -> list[str]:
    """A field of the person's, in any style."""
    style = draw(st.integers(0, 3))
    if style == 0:
        return [f"{indent}{key} : {draw(SCALARS)}{draw(COMMENTS)}"]
    if style == 1:
        return [f"{indent}{key}: {draw(FLOWS)}{draw(COMMENTS)}"]
    mark, inner = ("", draw(BLOCKS)) if style == 2 else draw(LITERALS)
    return [f"{indent}{key}: {mark}", *(f"{indent}  {line}" if line else "" for line in inner)]
