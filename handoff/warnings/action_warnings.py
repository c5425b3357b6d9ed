"""Which lines of the journal warn of an action, such as a command or a touched file, and what is each line about?

Only what a session states counts, under Lessons and Blockers; quotations are somebody else's words, and a line with the
mark of a model warns only once it is confirmed. What a line is about is read from it by fixed rules, the same on every
machine: commands and tools in backticks, paths, and lines of errors. A command is a set of words: a line about
`build.py --fast` is about `python build.py --fast -v`, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice

from handoff.entry import Entry
from handoff.marks.model_mark import split_mark
from handoff.paths import named_paths
from handoff.statements import is_nothing, is_result, own_words, withdrawal_of

WARNING_SECTIONS = ("Lessons", "Blockers")
MAX_LINE_CHARS = 300
"""Characters of a line that is said; longer ones are prose, and no warning."""
MAX_ACTION_WORDS = 64
"""Words of an action that are looked up; a pasted script would otherwise be a search for each of its words."""
MAX_WORD_CHARS, MAX_WORD_ENDS = 400, 16
"""Characters of a word that are looked at, its last ones, and how many ends of a path are looked up: no line that warns
is longer, and of a long path the end names the file."""
MAX_ERRORS, MAX_ERROR_BEGINNINGS = 16, 64
"""Errors of an action that are looked up, and how many shorter beginnings of them."""
MAX_KEYS = 4 * MAX_ACTION_WORDS

_POINT = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+(?P<text>\S.*)$")
_CODE = re.compile(r"`([^`\n]{1,200})`")
_ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Failure)\b:[ ]\S[^`\n]{2,118}")
_PROGRAM = re.compile(r"[A-Za-z][\w.+-]{1,40}\Z")
_ASSIGNMENT = re.compile(r"[A-Z_][A-Z0-9_]*=")
MAX_ACTION_CHARS = 20_000
"""Characters of an action that are looked at."""
_SEPARATOR = re.compile(r"&&|\|\|?|;|\n|&")
INTERPRETERS = frozenset({"python", "python3", "sudo", "env", "time", "exec", "node", "sh", "bash"})


class SubjectKind(StrEnum):
    """What a warning can be about, the most exact first."""

    COMMAND = "command"
    ERROR = "error"
    PATH = "path"
    TOOL = "tool"


@dataclass(frozen=True, kw_only=True, order=True)
class WarningSubject:
    """One thing that a line is about. A command is its sorted words, an error its line, a path or a tool one word."""

    kind: SubjectKind
    words: tuple[str, ...]

    @property
    def key(self) -> str:
        """The word by which it is found: of a command the longest, which is hardly the program."""
        return max(self.words, key=lambda word: (len(word.lstrip("-")), word))

    def concerns(self, action: ActionWords) -> bool:
        """Whether the action is about it."""
        if self.kind is SubjectKind.ERROR:
            return self.words[0] in action.text
        if self.kind is SubjectKind.TOOL:
            return self.words[0] in action.tools
        if self.kind is SubjectKind.PATH:
            return any(word == self.words[0] or word.endswith(f"/{self.words[0]}") for word in action.words)
        return action.words.issuperset(self.words)


@dataclass(frozen=True, kw_only=True)
class ActionWarning:
    """A line of the journal that warns, what it is about, and the entry that it is cited by."""

    text: str
    entry_id: str
    when: str
    section: str
    subjects: tuple[WarningSubject, ...]
    author: str = ""
    """Who wrote the entry, at which node."""


@dataclass(frozen=True, kw_only=True)
class ActionWords:
    """An action as it is looked up: a command line, or a path that is about to be changed."""

    text: str
    words: frozenset[str]
    tools: frozenset[str]
    keys: tuple[str, ...]
    """Its words, and the ends of its paths, in order: one of them is the key of whatever warns of it."""


def warnings_of(entry: Entry) -> Iterator[ActionWarning]:
    """The entry's lines that warn of something that can be told from other things; an outsider's warns of nothing."""
    if entry.from_outside:
        return
    for heading in WARNING_SECTIONS:
        for line in own_words(entry.section(heading)).splitlines():
            point = _POINT.match(line)
            words, mark = split_mark(point["text"] if point else line)
            text = " ".join(words.replace("**", "").split())
            if mark is not None and not mark.confirmed:
                continue
            if len(text) > MAX_LINE_CHARS or is_nothing(text) or is_result(text) or withdrawal_of(text):
                continue
            if subjects := tuple(dict.fromkeys(subjects_of(text))):
                yield ActionWarning(
                    text=text,
                    entry_id=entry.entry_id,
                    when=entry.when,
                    section=heading,
                    subjects=subjects,
                    author=author_of(entry),
                )


def author_of(entry: Entry) -> str:
    """Who wrote an entry, at which node, as it is cited."""
    return " at ".join(part for part in (entry.agent, entry.node) if part)


def action_words(action: str) -> ActionWords:
    """What a command line or a path consists of; no text is refused, quotes and separators are read as spaces. Of a
    long one its beginning counts."""
    action = action[:MAX_ACTION_CHARS]
    plain = _split(action)[:MAX_ACTION_WORDS]
    words = dict.fromkeys(word[-MAX_WORD_CHARS:] for each in plain for word in (each, each.partition("::")[0]))
    return ActionWords(
        text=action,
        words=frozenset(words),
        tools=frozenset(_tools(action)),
        keys=tuple(islice(_keys(action, list(words)), MAX_KEYS)),
    )


def _keys(action: str, words: list[str]) -> Iterator[str]:
    """By what it is looked up, each once, made as it is asked for."""
    errors = [match[0].strip() for match in islice(_ERROR.finditer(action), MAX_ERRORS)]
    seen: set[str] = set()
    for key in chain(
        errors,
        islice((each for error in errors for each in _beginnings(error)), MAX_ERROR_BEGINNINGS),
        words,
        (end for word in words for end in islice(_ends(word), MAX_WORD_ENDS)),
    ):
        if key and key not in seen:
            seen.add(key)
            yield key


def _beginnings(error: str) -> Iterator[str]:
    words = error.split()
    return (" ".join(words[:length]) for length in range(2, len(words)))


def _ends(word: str) -> Iterator[str]:
    """What stands after each "/" of a word, the shortest first."""
    at = word.rfind("/")
    while at >= 0:
        yield word[at + 1 :]
        at = word.rfind("/", 0, at)


def subjects_of(text: str) -> Iterator[WarningSubject]:
    """What the line is about; a tool alone only where nothing more exact is named."""
    exact = [WarningSubject(kind=SubjectKind.ERROR, words=(match[0].strip(),)) for match in _ERROR.finditer(text)]
    exact += [WarningSubject(kind=SubjectKind.PATH, words=(path,)) for path in named_paths(text)]
    tools = []
    for code in _CODE.findall(text):
        words = _split(code)
        named = [word for word in words if word not in INTERPRETERS and not _ASSIGNMENT.match(word)]
        if len(named) > 1 and _PROGRAM.match(named[0].rpartition("/")[2]):
            exact.append(WarningSubject(kind=SubjectKind.COMMAND, words=tuple(sorted(set(named)))))
        elif len(words) == 1 and _PROGRAM.match(words[0]) and "." not in words[0]:
            tools.append(WarningSubject(kind=SubjectKind.TOOL, words=(words[0],)))
    commanded = {word for one in exact if one.kind is SubjectKind.COMMAND for word in one.words}
    yield from (one for one in exact if one.kind is not SubjectKind.PATH or one.words[0] not in commanded)
    if not exact:
        yield from tools


def _split(text: str) -> list[str]:
    return [word.removeprefix("./") for word in re.split(r"[\s\"'`;|&()<>]+", text) if word.removeprefix("./")]


def _tools(action: str) -> Iterator[str]:
    """The programs that a command line starts: of each part between separators the first word, and what an interpreter,
    or a program that starts another one, is given."""
    for part in _SEPARATOR.split(action[:MAX_ACTION_CHARS])[:MAX_ACTION_WORDS]:
        after_starter = False
        for word in (each[-MAX_WORD_CHARS:] for each in _split(part)[:MAX_ACTION_WORDS]):
            if _ASSIGNMENT.match(word) or (after_starter and word.startswith("-")):
                continue
            yield (name := word.rpartition("/")[2])
            if name not in INTERPRETERS:
                break
            after_starter = True
