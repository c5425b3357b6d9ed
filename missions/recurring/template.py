"""What is a template, and which mission does it become?

A template is a mission's file below `missions/templates/` with a few fields of its own: when a mission of it is due,
and which words of its text are chosen for each. What it becomes is a function of its bytes, a time and these words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from missions import document, frontmatter
from missions.errors import BadName
from missions.field_types import list_items
from missions.fields import NODE_FIELDS
from missions.frontmatter import FrontMatter, Malformed
from missions.mission import MAX_NAME_CHARS, UPDATE_TASK, Mission, Quarantined, slug
from missions.one_line import printable
from missions.spelling import did_you_mean
from missions.template_fields import TEMPLATE_FIELDS, TEMPLATES_FOLDER

NOT_IN_A_TEMPLATE = frozenset({*NODE_FIELDS, "not_before", "attachments", "parent"})
"""What each of its missions has for itself."""
SLOT_FORMAT = "%Y%m%d-%H%M"
"""How the name of a mission ends that was due then, in UTC."""
MAX_TEMPLATE_NAME_CHARS = MAX_NAME_CHARS - len("-20261130-0700")
MAX_PARAMETERS, MAX_VALUE_CHARS = 20, 1000

_PLACEHOLDER = re.compile(r"\{\{[ \t]*([a-z][a-z0-9_]*)[ \t]*\}\}")
_PARAMETER = re.compile(r"([a-z][a-z0-9_]*)[ \t]*(?:=[ \t]*(.*))?", re.DOTALL)
_PLAIN_VALUE = re.compile(r"(?:[A-Za-z0-9._/@+][A-Za-z0-9._/@+-]*)?")
"""What may stand in the front matter: it cannot end a value, be more than a word to a shell, or be an option."""


Choice = TypeVar("Choice", bound=StrEnum)


class CatchUp(StrEnum):
    """Which of the times that passed while no node ran are made up for."""

    LATEST = "latest"
    ALL = "all"
    NONE = "none"


class Overlap(StrEnum):
    """What is done at a time at which an earlier mission of the template is still open."""

    WAIT = "wait"
    ALLOW = "allow"


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template that can be read. `text` is the mission's file without the template's own fields.

    `every` is a line of cron, as it is written: whether it is one has to be asked elsewhere; empty: missions of it are
    filed by hand only. `parameters` has each one's default, None where a value must be given. `project` is that of its
    missions, empty where there is none, or where a value that is still to be given decides.
    """

    name: str
    text: str
    every: str = ""
    timezone: str = "UTC"
    catch_up: CatchUp = CatchUp.LATEST
    overlap: Overlap = Overlap.WAIT
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    project: str = ""

    @property
    def path(self) -> str:
        """Where it stands in the ledger."""
        return f"{TEMPLATES_FOLDER}/{self.name}.md"

    def mission_text(self, when: datetime, values: Mapping[str, str] | None = None) -> str:
        """Its mission's file. `when` has the template's time zone, in which `{{date}}` and the like are told.

        Raises Malformed for a parameter that has no value, that the template does not have, or that does not fit.
        """
        given = dict(values or {})
        unknown = next((name for name in given if name not in self.parameters), "")
        if unknown:
            hint = did_you_mean(unknown, self.parameters) or f"it has {', '.join(self.parameters) or 'none'}"
            raise Malformed(f"{self.name} has no parameter {unknown}: {hint}", None)
        chosen = {name: given.get(name, default) for name, default in self.parameters.items()}
        missing = [name for name, value in chosen.items() if value is None]
        if missing:
            raise Malformed(f"{self.name} needs a value for {', '.join(missing)}", None)
        words = _time_words(when) | {name: value for name, value in chosen.items() if value is not None}
        return _replace_words(self.text, words)

    def scheduled_text(self, slot: datetime) -> str:
        """Its mission's file for a time at which it is due: not begun before, by the clock of whoever takes it on."""
        not_before = f"{slot.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return frontmatter.write(self.mission_text(slot), {"not_before": not_before})


def read_template(path: str, data: bytes) -> Template | Quarantined:
    """A template's bytes, or the reason and the line for which it is not followed. Never raises."""
    stem = path.rsplit("/", 1)[-1].removesuffix(".md")
    try:
        name = _read_name(stem)
        text = document.decode(data)
        frontmatter.refuse_misplaced(text.removeprefix(frontmatter.BYTE_ORDER_MARK))
        block = frontmatter.split(text.removeprefix(frontmatter.BYTE_ORDER_MARK))
        template = _with_project(_build_template(name, text, block), block)
    except BadName as error:
        return Quarantined(name=stem, path=path, reason=str(error), hint="rename the file")
    except Malformed as error:
        return Quarantined(name=stem, path=path, reason=error.reason, line=error.line)
    return template


def mission_name(template: str, slot: datetime) -> str:
    """What a template's mission is called that is due at `slot`."""
    return f"{template}-{slot.astimezone(UTC).strftime(SLOT_FORMAT)}"


def parse_mission_name(name: str) -> tuple[str, datetime] | None:
    """The template and the time in the name of one of its missions; None for any other name."""
    template, _, slot = name.rpartition("-")
    template, _, day = template.rpartition("-")
    try:
        found = datetime.strptime(f"{day}-{slot}", SLOT_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return (template, found) if template and f"{found:{SLOT_FORMAT}}" == f"{day}-{slot}" else None


def _read_name(stem: str) -> str:
    """Raises BadName and Malformed."""
    name = slug(stem)
    if name != stem:
        raise Malformed(f"a template's file is named like its missions: rename it to {name}.md", None)
    if len(name) > MAX_TEMPLATE_NAME_CHARS:
        raise Malformed(f"a template's name has {MAX_TEMPLATE_NAME_CHARS} characters at most", None)
    return name


def _build_template(name: str, text: str, block: FrontMatter) -> Template:
    for each in block.fields:
        if each in NOT_IN_A_TEMPLATE:
            why = f"a template has no “{each}”: each of its missions has its own"
            raise Malformed(why, block.lines.get(each))
    parameters = _read_parameters(block)
    every = _word(block, "every")
    needed = [each for each, default in parameters.items() if default is None]
    if every and needed:
        why = f"nobody is there to say what {needed[0]} is when it is due: give it a default, {needed[0]}=VALUE"
        raise Malformed(why, block.lines.get("parameters"))
    return Template(
        name=name,
        text=frontmatter.write(text, dict.fromkeys(each for each in TEMPLATE_FIELDS if each in block.fields)),
        every=every,
        timezone=_word(block, "timezone") or "UTC",
        catch_up=_choice(block, "catch_up", CatchUp, CatchUp.LATEST),
        overlap=_choice(block, "overlap", Overlap, Overlap.WAIT),
        parameters=parameters,
    )


def _with_project(template: Template, block: FrontMatter) -> Template:
    """With what its missions say of it. Raises Malformed, with the line, where they could not be read, or never run."""
    sample = _sample_mission(template, block)
    if sample.task == UPDATE_TASK and template.every:
        why = "an update is an admin's word each time: nothing that nodes file updates them"
        raise Malformed(why, block.lines.get("task"))
    is_open = None in template.parameters.values() and "{{" in str(block.fields.get("project"))
    return replace(template, project="" if is_open else sample.project or "")


def _sample_mission(template: Template, block: FrontMatter) -> Mission:
    sample = {name: default if default is not None else name for name, default in template.parameters.items()}
    text = template.mission_text(datetime(2026, 1, 1, tzinfo=UTC), sample)
    read = document.read(f"{template.name}.md", text.encode())
    if isinstance(read, Quarantined):
        field_named = re.search(r"“([a-z_]+)", read.reason)
        raise Malformed(read.reason, block.lines.get(field_named[1]) if field_named else None)
    return read


def _word(block: FrontMatter, name: str) -> str:
    value = block.fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or "\n" in value.strip():
        raise Malformed(f"“{name}” is one line of text", block.lines.get(name))
    return value.strip()


def _choice(block: FrontMatter, name: str, words: type[Choice], default: Choice) -> Choice:
    said = _word(block, name).lower()
    try:
        return words(said) if said else default
    except ValueError:
        raise Malformed(f"“{name}” is {' or '.join(words)}, not {said!r}", block.lines.get(name)) from None


def _read_parameters(block: FrontMatter) -> dict[str, str | None]:
    said, line = block.fields.get("parameters"), block.lines.get("parameters")
    items = list_items(said)
    if items is None or not all(isinstance(each, str) for each in items):
        raise Malformed("“parameters” is a list of names, such as [version, branch=main]", line)
    found: dict[str, str | None] = {}
    for item in items:
        read = _PARAMETER.fullmatch(item.strip())
        if read is None:
            raise Malformed(f"{item!r} is no parameter: write a name such as version, or branch=main", line)
        if read[1] in found or read[1] in _time_words(datetime(2026, 1, 1, tzinfo=UTC)):
            raise Malformed(f"there is a parameter {read[1]} already", line)
        found[read[1]] = read[2]
    if len(found) > MAX_PARAMETERS:
        raise Malformed(f"a template has {MAX_PARAMETERS} parameters at most", line)
    return found


def _time_words(when: datetime) -> dict[str, str]:
    """What every template may say of the time of its mission."""
    return {
        "date": f"{when:%Y-%m-%d}",
        "time": f"{when:%H.%M}",
        "month": f"{when:%Y-%m}",
        "week": f"{when:%G-W%V}",
        "day": f"{when:%A}",
    }


def _replace_words(text: str, words: Mapping[str, str]) -> str:
    """The text with the words in place of their names. What nobody has named stays: other programs write it, too.

    Raises Malformed for a value that could become more than a value where it stands.
    """
    for name, value in words.items():
        if len(value) > MAX_VALUE_CHARS or value != printable(value):
            raise Malformed(f"the value of {name} is one printable line of at most {MAX_VALUE_CHARS} characters", None)

    def in_head(found: re.Match[str]) -> str:
        value = words.get(found[1])
        if value is not None and not _PLAIN_VALUE.fullmatch(value):
            only = "letters, digits and . _ / @ + - only, and no - first"
            why = f"the value of {found[1]} stands in the front matter, where it has {only}"
            raise Malformed(why, None)
        return found[0] if value is None else value

    block = frontmatter.split(text.removeprefix(frontmatter.BYTE_ORDER_MARK))
    split = len(text) - len(block.body)
    body = _PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), text[split:])
    return _PLACEHOLDER.sub(in_head, text[:split]) + body
