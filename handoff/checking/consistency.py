"""Are the documents consistent with the day, with each other and with themselves?

Rules of `check` that read statements: dates, versions, fields, blocks. Each looks only at forms whose meaning is beyond
doubt, such as a field `**Version:** 1.2` or a heading that says "current" and names a day.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from handoff.briefing import parse
from handoff.checking.findings import CheckInput, HandoffFinding, finding
from handoff.checking.machine_paths import machine_path
from handoff.documents import BRIEFING, LOG, PROJECT, DocumentLine, HandoffDocument, dates
from handoff.marks.model_mark import LABEL, PROPOSED, is_unreadable
from handoff.statements import key_of

STALE_DAYS = 60

_FIELD = re.compile(
    r"(?:[-*+][ \t]+)?\*\*(?P<key>[^*:]{2,48}):?\*\*:?[ \t]*(?P<value>\S.*)|(?P<bare>[A-Z][\w ]{2,30}): (?P<rest>\S.*)"
)
_VERSION = re.compile(r"(?<![\w.])v?(?P<number>\d+\.\d+(?:\.\d+)?)(?P<stage>-[A-Za-z][\w.]*)?(?![\w.]*\d)")
_NOW_HEADING = re.compile(r"(?i)\b(?:current|now|today|status|state|briefing|this week)\b")
_MILESTONE = re.compile(r"(?i)^next\b.*\b(?:milestone|release|version)$")
_UPDATED = re.compile(r"(?i)^(?:last )?(?:updated|modified|reviewed)(?: on)?$")
_CHANGING = re.compile(r"(?i)updat|creat|date|time|session|next|last|for|outcome|purpose|note|example|total")
_PLACEHOLDER = re.compile(
    r"\[(?:Your|Project|First|Second|Third|Most|What|Why|How|Name|List|Describe|Description|Insert|File|Task|Blocker|Test"
    r"|Feature|Date|Decision|Steps|Specific|Reason|Rationale|Link|Option|1-2|2-3|TODO|TBD|e\.g\.)\b[^\]\n]{0,120}\](?![(\[:])"
    r"|(?<=\*\* )(?:X\.Y\.Z|YYYY-MM-DD)(?![\w-])"
)
_CODE = re.compile(r"`[^`\n]*`")
_MIN_REPEATED_CHARS = 40  # characters; a shorter paragraph may well stand twice


@dataclass(frozen=True, kw_only=True)
class _StatedValue:
    document: HandoffDocument
    line: DocumentLine
    key: str
    value: str

    @property
    def place(self) -> str:
        return f"{self.document.file}:{self.line.number}"


def old_sections(given: CheckInput) -> Iterator[HandoffFinding]:
    """A heading that says "current" and names a day long past; one finding a document, for they are mended together."""
    for document in given.tiers:
        if document.name == LOG:
            continue
        for line in document.lines:
            named = dates(line.text)
            if line.now and line.text.startswith("#") and named and _NOW_HEADING.search(line.text):
                age = (given.today - max(named)).days
                if age > STALE_DAYS:
                    why = f"it says what is current on {max(named)}, {age} days ago"
                    yield finding(document.file, line.number, "out-of-date", why, "review it and date it anew")
                    break


def old_updates(given: CheckInput) -> Iterator[HandoffFinding]:
    """The newest "last updated" of a document must not be older than what the document itself tells."""
    for document in given.non_templates:
        updated = [
            (max(dates(c.value)), c) for c in _stated_values(document) if _UPDATED.match(c.key) and dates(c.value)
        ]
        if not updated:
            continue
        day, claim = max(updated, key=lambda pair: (pair[0], pair[1].line.number))
        newest = max(
            (max(dates(head.title)) for head in document.headings if dates(head.title)), default=datetime.date.min
        )
        if day < newest <= given.today:
            why = f"it says it was last updated on {day}, and tells of {newest}"
            yield finding(document.file, claim.line.number, "out-of-date", why, "set the date, or leave it to Git")
        elif (given.today - day).days > STALE_DAYS and document.name in (PROJECT, BRIEFING):
            why = f"last updated on {day}, {(given.today - day).days} days ago"
            yield finding(document.file, claim.line.number, "out-of-date", why, "review it and date it anew")


def two_versions(given: CheckInput) -> Iterator[HandoffFinding]:
    """One project has one current version: in its fields, and in headings that say "current"."""
    for claims in _by_folder(given):
        fields = [one for one in claims if key_of(one.key) == "version" and one.line.now and _version(one.value)]
        if not fields:
            continue
        said = _version(fields[0].value)
        for one in [*fields[1:], *(claim for claim in claims if claim.key == "#")]:
            other = _version(one.value)
            if other and other != said and one.line.now:
                why = f"version {other} here, {said} in {fields[0].place}"
                yield finding(one.document.file, one.line.number, "contradiction", why, "correct the one that is wrong")


def passed_milestones(given: CheckInput) -> Iterator[HandoffFinding]:
    """A next milestone that the current version has reached or left behind is no plan any more; the last one counts."""
    for claims in _by_folder(given):
        version = next((one for one in claims if key_of(one.key) == "version" and one.line.now), None)
        last = {one.document.file: one for one in claims if _MILESTONE.match(one.key)}
        for one in last.values() if version else ():
            ahead = _VERSION.search(one.value)
            if version and ahead and _numbers(ahead["number"]) <= _numbers(_version(version.value)):
                why = f"the next milestone is {ahead[0]}, but {version.place} says version {_version(version.value)}"
                yield finding(one.document.file, one.line.number, "out-of-date", why, "name the one that is next now")


def two_values(given: CheckInput) -> Iterator[HandoffFinding]:
    """A field that two documents of one project have, each once, with short values that exclude each other."""
    for claims in _by_folder(given):
        fields: dict[str, list[_StatedValue]] = {}
        for one in claims:
            if one.line.now and one.key != "#" and not _CHANGING.search(one.key) and key_of(one.key) != "version":
                fields.setdefault(key_of(one.key), []).append(one)
        for same in fields.values():
            if len(same) == 2 and same[0].document != same[1].document and _contradict(same[0].value, same[1].value):
                here, there = _without_markup(same[1].value), _without_markup(same[0].value)
                why = f"{same[1].key} is {here} here, {there} in {same[0].place}"
                file, line = same[1].document.file, same[1].line.number
                yield finding(file, line, "contradiction", why, "correct the one that is wrong")


def sessions_in_the_wrong_tier(given: CheckInput) -> Iterator[HandoffFinding]:
    """Entries belong in the log: elsewhere they take the room of what must always be read, and nobody finds them."""
    for document in given.tiers:
        if document.name != LOG and document.entry_lines:
            why = f"{len(document.entry_lines)} session entries stand in a document that every instance reads whole"
            yield finding(document.file, document.entry_lines[0], "log-in-wrong-tier", why, f"move them to {LOG}")


def machine_paths(given: CheckInput) -> Iterator[HandoffFinding]:
    """A path in one person's home leads nowhere on any other machine."""
    for document in given.tiers:
        heading = ""
        for line in document.lines if document.name != LOG else ():
            heading = line.text if line.text.startswith("#") else heading
            if line.now and (path := machine_path(line.text, heading)):
                why = f"this path exists on one machine only: {path}"
                yield finding(document.file, line.number, "machine-path", why, "name it from the repository's root")


def model_marks(given: CheckInput) -> Iterator[HandoffFinding]:
    """A mark that cannot be read marks nothing, and its line is given for somebody's word; and what a model proposed is
    no rule. Not in a log, which nobody changes."""
    for document in (one for one in given.tiers if one.name != LOG):
        for line in document.lines:
            if is_unreadable(line.text):
                why = "this says that a model proposed it in words that no program reads"
                todo = f"end the line with {PROPOSED}, and nothing behind it but a comment"
                yield finding(document.file, line.number, "model-mark", why, todo)
        at = 0
        for item in parse(document.text) if LABEL in document.text else ():
            if item.standing and item.awaits:
                why = "a model proposed this, and it stands among the rules, which every instance follows"
                number = document.line_at(at + len(item.raw) - len(item.raw.lstrip()))
                yield finding(document.file, number, "model-mark", why, "confirm it in its mark, or move it out")
            at += len(item.raw)


def placeholders(given: CheckInput) -> Iterator[HandoffFinding]:
    """What a template left to be filled in."""
    for document in given.tiers:
        for line in document.lines:
            if found := _PLACEHOLDER.search(_CODE.sub("", line.text)):
                why = f"a placeholder of the template was left: {found[0]}"
                yield finding(document.file, line.number, "placeholder", why, "fill it in, or take the line out")


def repeated_blocks(given: CheckInput) -> Iterator[HandoffFinding]:
    """The same paragraph twice in one document: one of the two will be changed, and the other believed.

    Not in a log: its sessions may well say the same, and nobody takes out what stands there.
    """
    for document in (one for one in given.tiers if one.name != LOG):
        first: dict[str, int] = {}
        for number, block in _paragraphs(document):
            words = " ".join(block.split())
            if len(words) >= _MIN_REPEATED_CHARS and words in first:
                why = f"this paragraph stands on line {first[words]} already"
                yield finding(document.file, number, "repeated", why, "keep one")
            first.setdefault(words, number)


def _paragraphs(document: HandoffDocument) -> Iterator[tuple[int, str]]:
    """Paragraphs that are not points of a list or headings, with the number of their first line."""
    block: list[DocumentLine] = []
    for line in [*document.lines, DocumentLine(number=0, text="", now=True)]:
        if line.text.strip() and (not block or line.number == block[-1].number + 1):
            block.append(line)
            continue
        if block and not re.match(r"\s*(?:[-*+] |\d+\. |#|\||>|-{3,})", block[0].text):
            yield block[0].number, "\n".join(one.text for one in block)
        block = [line] if line.text.strip() else []


def _by_folder(given: CheckInput) -> Iterator[list[_StatedValue]]:
    """The claims of each project's documents, the log's excepted, in the order of the tiers."""
    for folder in sorted({document.folder for document in given.tiers}):
        documents = [one for one in given.tiers if one.folder == folder and one.name != LOG]
        yield [claim for document in documents for claim in _stated_values(document)]


def _stated_values(document: HandoffDocument) -> Iterator[_StatedValue]:
    """Fields, and headings that say "current" (their key is "#")."""
    for line in document.lines:
        if field := _FIELD.fullmatch(line.text.strip()):
            key, value = field["key"] or field["bare"], field["value"] or field["rest"]
            yield _StatedValue(document=document, line=line, key=key.strip(), value=value)
        elif line.text.startswith("#") and re.search(r"(?i)\bcurrent\b", line.text):
            yield _StatedValue(document=document, line=line, key="#", value=line.text)


def _version(value: str) -> str:
    found = _VERSION.search(value)
    return found["number"] + (found["stage"] or "") if found else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _without_markup(value: str) -> str:
    return re.sub(r"[*_`✅❌⚠️]|\([^()\n]*\)", "", value).strip(" .")


def _contradict(one: str, other: str) -> bool:
    """Whether both are short and neither is a part of the other."""
    first, second = _without_markup(one).casefold(), _without_markup(other).casefold()
    if not first or not second or dates(one) or dates(other) or max(len(first.split()), len(second.split())) > 3:
        return False
    return first not in second and second not in first


RULES = (
    old_sections,
    old_updates,
    two_versions,
    passed_milestones,
    two_values,
    sessions_in_the_wrong_tier,
    machine_paths,
    model_marks,
    placeholders,
    repeated_blocks,
)
