"""How is a project made up whose sessions decide, fail, change their mind, withdraw, set rules and meet a trap again?

A history is a function of seed and number alone: whoever has the plan of a study has its projects. Each setting has a
fate of its own, and its events fall into sessions drawn by chance, in order; the rest of a session is daily work.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from handoff.entry import Entry
from orchestrator.continuity.scenarios import vocabulary
from orchestrator.continuity.scenarios.project_history import BuildTraps, ProjectHistory, SettingHistory
from orchestrator.core.time_text import format_utc

GENERATOR_VERSION = "1"
"""Of what a seed becomes; it stands in each plan, and changes whenever a word of a history does."""
SESSIONS = 12
FATES = ("kept", "changed", "changed twice", "withdrawn", "absent")
"""What becomes of a project's settings, one each."""
_EVENTS = {"kept": 1, "changed": 2, "changed twice": 3, "withdrawn": 2, "absent": 0}
_BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)


@dataclass
class _Session:
    """What is said in one session, by section."""

    work: list[str] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    blockers: list[str] = field(default_factory=list)
    lessons: list[str] = field(default_factory=list)


def generate_history(seed: int, number: int, sessions: int = SESSIONS) -> ProjectHistory:
    """The project of that number, with at least four sessions. The same arguments give the same bytes."""
    chance = random.Random(f"{GENERATOR_VERSION}:{seed}:{number}")  # noqa: S311  # the same on every machine
    name = _project_name(number)
    said = [_Session(work=chance.sample(vocabulary.WORK, 2)) for _ in range(max(4, sessions))]
    separator = _tell_rule(chance, said)
    settings = tuple(_tell_settings(chance, said, name))
    traps = _tell_traps(chance, said, name)
    entries = tuple(_entry(chance, name, place, session) for place, session in enumerate(said))
    return ProjectHistory(
        name=name,
        entries=entries,
        project_context=_project_context(name, separator),
        settings=settings,
        traps=traps,
        separator=separator,
    )


def _project_name(number: int) -> str:
    names = vocabulary.PROJECTS
    return names[number % len(names)] + (f"-{number // len(names)}" if number >= len(names) else "")


def entry_id(project: str, place: int) -> str:
    """The id of the project's entry at that place, counted from 0."""
    return f"{project}-{place + 1:02}"


def _tell_rule(chance: random.Random, said: Sequence[_Session]) -> str:
    separator, shape = chance.choice(vocabulary.SEPARATORS)
    said[0].decisions.append(f"Standing rule from now on, for every file of settings: write `{shape}`")
    return separator


def _rule(separator: str) -> str:
    shapes = dict(vocabulary.SEPARATORS)
    other = next(shape for name, shape in vocabulary.SEPARATORS if name != separator)
    return f"Settings are written as `{shapes[separator]}`, never as `{other}`."


def _project_context(name: str, separator: str) -> str:
    return (
        f"# {name.capitalize()}\n\nA service that imports files and shows them. `build.py` builds it.\n\n"
        f"## Standing rules\n\n- {_rule(separator)}\n"
    )


def _tell_settings(chance: random.Random, said: Sequence[_Session], project: str) -> Iterator[SettingHistory]:
    names = chance.sample(vocabulary.SETTINGS, len(FATES))
    for name, fate in zip(names, FATES, strict=True):
        places = sorted(chance.sample(range(1, len(said)), _EVENTS[fate]))
        withdrawn = fate == "withdrawn"
        values = [str(value) for value in chance.sample(range(11, 99), len(places) - withdrawn)]
        for turn, (place, value) in enumerate(zip(places, values, strict=False)):
            _tell_value(chance, said[place], name, values[turn - 1] if turn else "", value)
        if withdrawn:
            said[places[-1]].decisions.append(f"Withdrawn: {name.casefold()}")
            said[places[-1]].work.append(f"Took the {name.casefold()} out of the settings")
        yield SettingHistory(
            name=name,
            values=tuple(values),
            withdrawn=withdrawn,
            cites=tuple(entry_id(project, place) for place in places),
        )


def _tell_value(chance: random.Random, session: _Session, name: str, before: str, value: str) -> None:
    session.decisions.append(f"{name}: {value}")
    reason = chance.choice(vocabulary.REASONS)
    was = f" in place of {before}" if before else ""
    session.work.append(f"Put {value}{was} into the settings for the {name.casefold()}, because {reason}")


def _tell_traps(chance: random.Random, said: Sequence[_Session], project: str) -> BuildTraps:
    """Two ways of building that fail: the first is met twice, the second once."""
    works, *bad = chance.sample(vocabulary.MODES, 3)
    lines = [line.format(number=chance.randrange(2, 9)) for line in chance.sample(vocabulary.ERRORS, 2)]
    first, second, again = sorted(chance.sample(range(1, len(said)), 3))
    for place, at in ((first, 0), (second, 1), (again, 0)):
        failed = f"`python build.py --mode {bad[at]}` fails: BuildError: {lines[at]}"
        said[place].blockers.append(failed)
        said[place].lessons.append(f"Build with `--mode {works}`, because `build.py --mode {bad[at]}` fails")
    return BuildTraps(
        errors=tuple(zip(bad, (f"BuildError: {line}" for line in lines), strict=True)),
        works=works,
        cites=tuple(entry_id(project, place) for place in (first, second, again)),
    )


def _entry(chance: random.Random, project: str, place: int, session: _Session) -> Entry:
    node, agent = chance.choice(vocabulary.AGENTS)
    when = _BEGAN + timedelta(days=place * 2, hours=chance.randrange(8))
    sections = (
        ("Work Accomplished", _points(session.work)),
        ("Decisions", _points(session.decisions)),
        ("Blockers", _points(session.blockers)),
        ("Lessons", _points(session.lessons)),
        ("For Next Instance", _points([f"Check {chance.choice(vocabulary.CHECKS)}"])),
    )
    return Entry(
        entry_id=entry_id(project, place),
        when=format_utc(when),
        node=node,
        agent=agent,
        mission=f"{project}-work-{place + 1}",
        sections=tuple((heading, body) for heading, body in sections if body),
    )


def _points(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
