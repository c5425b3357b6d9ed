"""What does each line of the checklist HEARTBEAT.md ask for? Read leniently; what is not understood is told.

The file is Markdown. Headings say how often, and each item of a list below one is a thing to look at:

    ## Daily at 07:30
    - results waiting longer than 2 days
    - desktop: disk below 20 GB
    - ask: Is anything in the briefing of shop out of date? (project shop, budget $0.20)

Anybody who may push may have written it, so reading it is bounded, and no line holds a command: it may only name one
that the owner of a machine has allowed there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from handoff.secrets.excerpts import redacted_line
from missions import document, frontmatter
from missions.errors import BadName
from missions.frontmatter import Malformed
from missions.mission import slug
from orchestrator.core.roles import Role
from orchestrator.ledger.heartbeat.cadence import Cadence, read_cadence
from orchestrator.ledger.heartbeat.probe_phrases import ASK, Request, read_request

PATH = "HEARTBEAT.md"
MAX_BYTES, MAX_LINES, MAX_LINE_CHARS, MAX_PROBLEMS = 64 * 1024, 100, 500, 50
"""Bytes of the file, lines that are followed, characters of a line, and problems that are told."""
MAX_READ_CHARS = 4 * MAX_LINE_CHARS
"""Characters of a line that are looked at at all."""
FLEET, EACH_NODE = "fleet", "each"
ROLE_WORDS = {
    "hq": Role.HEADQUARTERS,
    "headquarters": Role.HEADQUARTERS,
    "worker": Role.LOCAL_WORKER,
    "workers": Role.LOCAL_WORKER,
    "local_worker": Role.LOCAL_WORKER,
    "standalone": Role.STANDALONE_NODE,
    "standalone_node": Role.STANDALONE_NODE,
}
ONE_WORDS, EACH_WORDS = {"one node", "fleet", "any node"}, {"each node", "every node", "all nodes", "each", "nodes"}
_ITEM = re.compile(r"^ {0,12}(?:[-*+]|\d{1,3}[.)])[ \t]+(?:\[[ xX]?\][ \t]+)?(?P<text>\S.*)$")
_HEADING = re.compile(r"^ {0,3}(?P<marks>#{1,6})[ \t]+(?P<text>(?:.*[^ \t#])?)[ \t#]*$")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)")
_ACTION = re.compile(r"(?<!\s)\s*(?:->|→|=>)\s*(?:mission\s*:?\s*)?")
_OPTIONS = re.compile(r"(?<!\s)\s*\((?P<options>[^()]*)\)\s*$")
_BUDGET = re.compile(r"budget\W{0,2}(?:usd)?\s*\$?(?P<usd>\d{1,4}(?:\.\d{1,2})?)(?:\s*usd)?", re.IGNORECASE)
_PROJECT = re.compile(r"project\W{1,2}(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,79})", re.IGNORECASE)
_WHO = re.compile(r"(?P<who>[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}?)\s*:\s+(?P<rest>\S.*)")


@dataclass(frozen=True, kw_only=True)
class ChecklistLine:
    """One thing to look at. `prompt` is the mission that follows from it; empty: a finding is told to people.

    `node` and `role` say who looks: a node, or each node of a role, else `scope`: FLEET (one node for all), EACH_NODE.
    """

    number: int
    text: str
    cadence: Cadence
    request: Request
    scope: str
    node: str = ""
    role: Role | None = None
    prompt: str = ""
    project: str = ""
    budget_usd: float | None = None

    @property
    def ident(self) -> str:
        """Tells the line from others, wherever it stands: a line that is changed is another one."""
        words = "\0".join((self.cadence.line, self.text))
        return blake2b(words.encode("utf-8", "replace"), digest_size=5).hexdigest()

    @property
    def shared(self) -> bool:
        """Whether one node looks for all."""
        return self.scope == FLEET

    def concerns(self, node: str, role: Role) -> bool:
        """Whether a node looks at it by itself."""
        if self.node or self.role:
            return self.node == node if self.node else self.role is role
        return not self.shared

    @property
    def who(self) -> str:
        """Who looks, in words."""
        if self.role:
            return f"each {self.role.label}"
        return self.node or ("one node" if self.shared else "each node")


@dataclass(frozen=True, kw_only=True)
class ChecklistProblem:
    """A line that is not followed: its number (from 1; 0: the whole file), and why."""

    number: int
    says: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Checklist:
    """The file as it is meant."""

    lines: tuple[ChecklistLine, ...] = ()
    problems: tuple[ChecklistProblem, ...] = ()

    def line(self, ident: str) -> ChecklistLine | None:
        """The line with this `ident`."""
        return next((each for each in self.lines if each.ident == ident), None)


@dataclass
class _Reading:
    cadence: Cadence | None = None
    quiet: bool = False
    """Below a heading whose fault is told already."""
    lines: dict[str, ChecklistLine] = field(default_factory=dict)
    problems: list[ChecklistProblem] = field(default_factory=list)

    def wrong(self, number: int, says: str, text: str = "") -> None:
        """Notes what is not followed."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(ChecklistProblem(number=number, says=says, text=redacted_line(text, 120)))


def read_checklist(data: bytes | None) -> Checklist:
    """The checklist in the file's bytes; None: there is no file. Raises nothing: what is wrong with it is in it."""
    if not data:
        return Checklist()
    reading = _Reading()
    if len(data) > MAX_BYTES:
        reading.wrong(0, f"it has more than {MAX_BYTES // 1024} KiB: nothing of it is followed")
        return Checklist(problems=tuple(reading.problems))
    try:
        _read_lines(reading, document.decode(data).removeprefix(frontmatter.BYTE_ORDER_MARK))
    except Malformed as error:
        reading.wrong(error.line or 0, f"nothing of it is followed: {error.reason}")
    return Checklist(lines=tuple(reading.lines.values()), problems=tuple(reading.problems))


def _read_lines(reading: _Reading, text: str) -> None:
    """Only a person's part is read, as of a mission: what may be changed without a person counting is no part of it."""
    body = document.body_of(frontmatter.split(text).body)
    start = text[: text.find(body)].count("\n") if body else 0
    for number, line in _visible(body.split("\n"), start + 1):
        heading, item = _HEADING.match(line), _ITEM.match(line)
        if heading:
            _take_heading(reading, number, heading)
        elif item:
            _take_item(reading, number, item["text"].strip())


def _visible(lines: list[str], first: int) -> Iterator[tuple[int, str]]:
    """What a reader of the page sees: without comments and blocks of code."""
    fenced = hidden = False
    for number, raw in enumerate(lines, first):
        line = raw[:MAX_READ_CHARS].rstrip()
        if not hidden and _FENCE.match(line):
            fenced = not fenced
            continue
        if fenced:
            continue
        shown = ""
        while line:
            before, mark, line = line.partition("-->" if hidden else "<!--")
            shown += "" if hidden else before
            hidden = hidden != bool(mark)
        if shown.strip():
            yield number, shown.rstrip()


def _take_heading(reading: _Reading, number: int, heading: re.Match[str]) -> None:
    if len(heading["marks"]) == 1:
        reading.cadence, reading.quiet = None, False  # the title
        return
    try:
        reading.cadence, reading.quiet = read_cadence(heading["text"][:MAX_LINE_CHARS]), False
    except ValueError as error:
        reading.cadence, reading.quiet = None, True
        reading.wrong(number, f"this heading does not say how often, and nothing below it is done: {error}", heading[0])


def _take_item(reading: _Reading, number: int, text: str) -> None:
    if reading.cadence is None:
        if not reading.quiet:
            reading.wrong(number, "it stands below no heading that says how often", text)
        return
    why = _unreadable_reason(reading, text)
    try:
        line = None if why else _read_item(number, text, reading.cadence)
    except ValueError as error:
        line, why = None, str(error)
    if line is not None and line.ident in reading.lines:
        why = f"it stands in line {reading.lines[line.ident].number} already"
    if why:
        reading.wrong(number, why, text)
    elif line is not None:
        reading.lines[line.ident] = line


def _unreadable_reason(reading: _Reading, text: str) -> str:
    if len(text) > MAX_LINE_CHARS:
        return f"it has more than {MAX_LINE_CHARS} characters"
    if not text.isprintable():
        return "it holds characters that cannot be seen: type it anew"
    return f"there are more than {MAX_LINES} lines before it" if len(reading.lines) >= MAX_LINES else ""


def _read_item(number: int, text: str, cadence: Cadence) -> ChecklistLine:
    found = _OPTIONS.search(text)
    options = _read_options(found["options"]) if found else {}
    rest = text[: found.start()] if found and options else text
    node, role, scope, rest = _read_who(rest)
    asked, action, prompt = _split_action(rest)
    request = read_request(asked)
    if request.probe == ASK:
        if action:
            raise ValueError("a question is a mission already: write no -> behind it")
        prompt = request.words
    elif action and not prompt:
        raise ValueError("write behind -> what the mission is to do")
    if options and not prompt:
        raise ValueError("project and budget are those of a mission: write -> and what is to be done before them")
    return ChecklistLine(
        number=number,
        text=" ".join(text.split()),
        cadence=cadence,
        request=request,
        node=node,
        role=role,
        scope=scope or (EACH_NODE if node or role or not request.shared else FLEET),
        prompt=prompt,
        project=str(options.get("project", "")),
        budget_usd=float(options["budget"]) if "budget" in options else None,
    )


def _split_action(text: str) -> tuple[str, bool, str]:
    found = _ACTION.search(text)
    return (text[: found.start()], True, text[found.end() :].strip()) if found else (text, False, "")


def _read_options(text: str) -> Mapping[str, str]:
    """What stands in brackets at the end; empty where these are words of the line."""
    found: dict[str, str] = {}
    for part in text.split(","):
        budget, project = _BUDGET.fullmatch(part.strip()), _PROJECT.fullmatch(part.strip())
        if budget is None and project is None:
            return {}
        found |= {"budget": budget["usd"]} if budget else {}
        found |= {"project": project["name"]} if project else {}
    return found


def _read_who(text: str) -> tuple[str, Role | None, str, str]:
    """Who looks (a node, or a role, or a scope), and the rest of the line. Raises ValueError."""
    found = _WHO.match(text)
    if not found or found["who"].lower() == ASK:
        return "", None, "", text
    who, rest = " ".join(found["who"].lower().split()), found["rest"]
    if who in ONE_WORDS or who in EACH_WORDS:
        return "", None, FLEET if who in ONE_WORDS else EACH_NODE, rest
    if who in ROLE_WORDS:
        return "", ROLE_WORDS[who], "", rest
    try:
        name = slug(who)
    except BadName:
        name = ""
    if name != who:
        raise ValueError(f"“{found['who']}” is no node: write a node's name, HQ, workers, each node or one node")
    return name, None, "", rest
