"""What did one session leave behind, and how is that text read and written without losing a byte?

A log is other people's text: some of it is ours, some is in shapes that teams invented before us, some is prose between
entries. Reading therefore only cuts the text into pieces and never rewrites one: joined again they are the text.
Writing is strict: every body that could be taken for structure is written as a block quote, so that nothing an agent
says can end its entry, open another one, or hide those that follow behind a fence.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from handoff.errors import BadId, BadTime
from handoff.markdown import Heading, fences, headings, quoted, tidy, unquoted
from missions.agents.agent_names import is_paid_agent

_DERIVED_ID = re.compile(r"x[0-9a-f]{0,15}")
"""The beginning of an id that is made of an entry's words, or all of it."""

SECTIONS = (
    "Starting Context",
    "Work Accomplished",
    "Decisions",
    "Code Changes",
    "Blockers",
    "Lessons",
    "For Next Instance",
    "Test Status",
)

# What other people call these sections, without the words in brackets and in lower case.
_SECTION_ALIASES: Mapping[str, str] = {name.casefold(): name for name in SECTIONS} | {
    "what we accomplished": "Work Accomplished",
    "decisions made": "Decisions",
    "code changes summary": "Code Changes",
    "blockers hit": "Blockers",
    "blockers encountered": "Blockers",
    "patterns & learning": "Lessons",
    "lessons learned": "Lessons",
    "what next instance should know": "For Next Instance",
    "next steps": "For Next Instance",
    "immediate next steps": "For Next Instance",
}

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_OWN = re.compile(rf"(?P<when>{TIME.pattern}|undated)(?P<rest>(?: · .*)?)")
_OWN_ID = re.compile(rf"<!-- entry: ({IDENTIFIER.pattern}) -->[ \t\r]*(?:\n|\Z)")
_WHO = re.compile(r"(?P<agent>[^(]*?) \((?P<model>.*)\)")
_SESSION = re.compile(r"Session:\s*(?P<date>.+?)(?:\s+[-–—]\s+(?P<who>Instance\b[^(]*?)\s*(?:\((?P<title>.*)\))?)?")
_TEMPLATE = re.compile(r"(?P<title>\w+ Session)\s*\((?P<who>Instance\b.*?)\s+[-–—]\s+(?P<date>[^()]*)\)")
_BOLD = re.compile(
    r"^\*\*(?P<name>[^*\n]+?)(?::\*\*|\*\*:|\*\*(?=[ \t\r]*$))[ \t]*(?P<same_line>[^\n]*)$", re.MULTILINE
)
_ISO_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_WORDED_DAY = re.compile(r"(?<![A-Za-z])([A-Za-z]{3})[a-z]*\.?\s+(\d{1,2})\D[^,]{0,40}?,?\s*(\d{4})")
_MAY_BEGIN = re.compile(rf"^ {{0,3}}#{{2,4}}[ \t]+(?:[^\S\n]*(?:{TIME.pattern}|undated)|[^\n]*Session)", re.MULTILINE)
"""The beginning of every line that `_parse_heading` may take for an entry's."""
_EPOCH = re.compile(r"-[1-9]\d{0,8}", re.ASCII)
_RULE = re.compile(r"(?:-{3,}|\*{3,}|_{3,})")


OUTSIDER_PREFIX = "mcp-"
"""What the names of agents from outside begin with; no person and no agent of the fleet has such a name."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What one session said: `when` is UTC text ("" if unknown), `sections` are (heading, body) in their order.

    `raw` is the source it was read from and does not count when entries are compared. A section without a heading has
    the heading "". Headings of foreign logs are given our names where one is meant; `raw` keeps theirs. Whoever changes
    an entry that was read gives it `raw=""`.
    """

    entry_id: str
    when: str
    node: str = ""
    agent: str = ""
    model: str = ""
    mission: str = ""
    title: str = ""
    sections: tuple[tuple[str, str], ...] = ()
    raw: str = field(default="", compare=False, repr=False)

    @property
    def from_outside(self) -> bool:
        """Whether an agent that the fleet does not run wrote it: what it says is a quotation, however it was written
        down; before the quotation was, it stood there as it was said."""
        return self.agent.startswith(OUTSIDER_PREFIX)

    @property
    def is_attempt(self) -> bool:
        """Whether a node wrote it of an attempt at a mission: what failed, and how the tests ended, is its record."""
        return bool(self.mission) and bool(_EPOCH.fullmatch(self.entry_id.removeprefix(self.mission)))

    @property
    def by_model(self) -> bool:
        """Whether a model wrote it, as far as it says: the model, or an attempt's agent that asks one of its own."""
        return bool(self.model) or (self.is_attempt and is_paid_agent(self.agent))

    def section(self, heading: str) -> str:
        """The text under that heading; several sections of that name are joined, none is ""."""
        return "\n\n".join(body for name, body in self.sections if name == heading)


@dataclass(frozen=True, kw_only=True)
class ParsedLog:
    """A log in pieces: `preamble`, then each entry's `raw` followed by its gap, the text up to the next entry."""

    preamble: str
    entries: tuple[Entry, ...]
    gaps: tuple[str, ...]

    @property
    def trailer(self) -> str:
        """What stands after the last entry."""
        return self.gaps[-1] if self.gaps else ""

    @cached_property
    def chronological(self) -> tuple[Entry, ...]:
        """The entries, oldest first, whichever way round the file is kept; an undated one stays by its neighbour."""
        dated = [entry.when for entry in self.entries if entry.when]
        newest_first = bool(dated) and dated[0] > dated[-1]
        timed, last = [], ""
        for entry in reversed(self.entries) if newest_first else self.entries:
            last = entry.when or last
            timed.append((last, entry))
        return tuple(entry for _, entry in sorted(timed, key=lambda pair: pair[0]))

    @cached_property
    def first_lines(self) -> Mapping[str, int]:
        """On which line of the text, counted from 1, each entry begins, by its id."""
        found: dict[str, int] = {}
        line = 1 + self.preamble.count("\n")
        for entry, gap in zip(self.entries, self.gaps, strict=True):
            found.setdefault(entry.entry_id, line)
            line += entry.raw.count("\n") + gap.count("\n")
        return found


@dataclass(frozen=True, kw_only=True)
class _EntryHeading:
    """What an entry's heading line says."""

    own: bool
    when: str
    node: str = ""
    agent: str = ""
    model: str = ""
    mission: str = ""
    title: str = ""


def parse_log(text: str) -> ParsedLog:
    """Cut a log of any known shape into entries and the text around them; no text is refused, none is lost."""
    heads = headings(text)
    found = [(head, start) for head in heads if (start := _parse_heading(head))]
    begins = [head.start for head, _ in found] + [len(text)]
    ends = _entry_ends(heads, begins)
    entries, gaps = [], []
    for (head, start), end, following in zip(found, ends, begins[1:], strict=True):
        raw = _without_trailing_rules(text[head.start : end])
        entries.append(_entry(start, raw))
        gaps.append(text[head.start + len(raw) : following])
    return ParsedLog(preamble=text[: begins[0]], entries=tuple(entries), gaps=tuple(gaps))


def most_entries(text: str) -> int:
    """At least as many as the entries of a log, told without reading it: a quarter of a thousandth of the time."""
    return sum(1 for _ in _MAY_BEGIN.finditer(text))


def render_entry(entry: Entry, *, evidence: bool = False) -> str:
    """The entry in our own shape, ending in a line break; raises BadId and BadTime.

    Line breaks of every kind become "\\n", blank lines around a body are dropped, white space in headings is folded.
    With `evidence` every body is a block quote and stays one when it is read: the words of somebody who is not of the
    fleet, which state nothing.
    """
    if not IDENTIFIER.fullmatch(entry.entry_id):
        raise BadId(given=entry.entry_id)
    if entry.when and not TIME.fullmatch(entry.when):
        raise BadTime(when=entry.when)
    blocks = [f"{_heading_line(entry)}\n<!-- entry: {entry.entry_id} -->"]
    for place, (heading, body) in enumerate(entry.sections):
        if heading or place:
            blocks.append(f"### {_escape_field(heading)}")
        if text := tidy(body):
            blocks.append(quoted(quoted(text, always=True) if evidence else text))
    return "\n\n".join(blocks) + "\n"


def _entry_ends(heads: Sequence[Heading], begins: Sequence[int]) -> list[int]:
    """Where each entry ends at the latest: at the next entry or the next heading of level 1 or 2."""
    high = [head.start for head in heads if head.level <= 2]
    ends, place = [], 0
    for begin, following in pairwise(begins):
        while place < len(high) and high[place] <= begin:
            place += 1
        ends.append(min(following, high[place]) if place < len(high) else following)
    return ends


def _parse_heading(head: Heading) -> _EntryHeading | None:
    if head.level == 2 and (own := _OWN.fullmatch(head.title)):
        return _parse_own_heading(own)
    if 2 <= head.level <= 4 and (foreign := _SESSION.fullmatch(head.title) or _TEMPLATE.fullmatch(head.title)):
        return _EntryHeading(
            own=False, when=_day(foreign["date"]), agent=foreign["who"] or "", title=foreign["title"] or head.title
        )
    return None


def _parse_own_heading(own: re.Match[str]) -> _EntryHeading:
    fields = [*own["rest"].split(" · ", 4)[1:], "", "", "", ""]
    who = _WHO.fullmatch(fields[1])
    return _EntryHeading(
        own=True,
        when="" if own["when"] == "undated" else own["when"],
        node=_unescape_field(fields[0]),
        agent=_unescape_field(who["agent"] if who else fields[1]),
        model=_unescape_field(who["model"] if who else ""),
        mission=_unescape_field(fields[2]),
        title=_unescape_field(fields[3]),
    )


def _entry(start: _EntryHeading, raw: str) -> Entry:
    body = raw.find("\n") + 1 or len(raw)
    marked = _OWN_ID.match(raw, body) if start.own else None
    return Entry(
        entry_id=marked[1] if marked else _derived_id(raw),
        when=start.when,
        node=start.node,
        agent=start.agent,
        model=start.model,
        mission=start.mission,
        title=start.title,
        sections=_own_sections(raw, marked.end() if marked else body) if start.own else _foreign_sections(raw, body),
        raw=raw,
    )


def may_have(text: str, begin: str) -> bool:
    """Whether an entry of a log's text may have an id that begins so; False is certain, and comes without parsing it.

    An entry states its id, or has one that is made of its words.
    """
    return begin in text or bool(_DERIVED_ID.fullmatch(begin))


def _derived_id(raw: str) -> str:
    """An id that the same words always get, whatever line breaks Git checked them out with."""
    return "x" + hashlib.sha256(raw.replace("\r\n", "\n").encode("utf-8", "surrogatepass")).hexdigest()[:15]


def _own_sections(raw: str, body: int) -> tuple[tuple[str, str], ...]:
    marks = [(head.start, head.end, _unescape_field(head.title)) for head in headings(raw) if head.level == 3]
    return tuple((name, unquoted(tidy(text))) for name, text in _split_at_marks(raw, body, marks))


def _foreign_sections(raw: str, body: int) -> tuple[tuple[str, str], ...]:
    hidden = fences(raw)
    marks = [(head.start, head.end, head.title) for head in headings(raw) if head.start >= body]
    for bold in _BOLD.finditer(raw, body):
        if not any(start <= bold.start() < end for start, end in hidden):
            marks.append((bold.start(), bold.start("same_line"), bold["name"]))
    return tuple((_section_name(name), tidy(text)) for name, text in _split_at_marks(raw, body, sorted(marks)))


def _split_at_marks(raw: str, body: int, marks: Sequence[tuple[int, int, str]]) -> Iterator[tuple[str, str]]:
    """The text before the first mark, if there is any, under "", then each mark's name and the text after it."""
    stops = [start for start, _, _ in marks] + [len(raw)]
    if raw[body : stops[0]].strip():
        yield "", raw[body : stops[0]]
    for (_, end, name), stop in zip(marks, stops[1:], strict=True):
        yield name, raw[end:stop]


def _section_name(name: str) -> str:
    name = name.strip().rstrip(":")
    return _SECTION_ALIASES.get(name.partition("(")[0].strip().casefold(), name)


def _day(text: str) -> str:
    """Midnight of the first day that the text names, or "" if it names none."""
    if iso := _ISO_DAY.search(text):
        return f"{iso[0]}T00:00:00Z"
    worded = _WORDED_DAY.search(text)
    if not worded or worded[1].lower() not in _MONTHS:
        return ""
    return f"{worded[3]}-{_MONTHS.index(worded[1].lower()) + 1:02}-{int(worded[2]):02}T00:00:00Z"


def _without_trailing_rules(text: str) -> str:
    """The text without the blank lines and rules (`---`) that set it apart from what follows."""
    end = _before_blanks(text, len(text))
    while _RULE.fullmatch(text[(start := text.rfind("\n", 0, end) + 1) : end].strip()):
        end = _before_blanks(text, start)
    return text[:end]


def _before_blanks(text: str, end: int) -> int:
    while end and text[end - 1].isspace():
        end -= 1
    return end


def _heading_line(entry: Entry) -> str:
    who = _escape_field(entry.agent).replace("(", "&#40;")
    if entry.model:
        who += f" ({_escape_field(entry.model)})"
    fields = [entry.when or "undated", _escape_field(entry.node), who, _escape_field(entry.mission)]
    return "## " + " · ".join(fields + ([_escape_field(entry.title)] if entry.title.strip() else []))


def _escape_field(words: str) -> str:
    """The words on one line, so that they cannot be taken for two fields; "-" stands for none."""
    words = " ".join(words.split()).replace("&", "&amp;").replace("·", "&middot;").replace("<", "&lt;")
    return {"": "-", "-": "&#45;"}.get(words, words)


def _unescape_field(words: str) -> str:
    return "" if words.strip() == "-" else html.unescape(words.strip())
