"""Scripted readers: stand-ins for models, whose way with what they are given is known. No model is asked."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.continuity.reader import Choices
from orchestrator.continuity.scenarios.questions import NONE
from orchestrator.continuity.scenarios.vocabulary import PROJECTS, SEPARATORS, SETTINGS


def guess(request: str, name: str, words: Sequence[str], seed: int) -> str:
    """What one says who knows nothing: the same in every arm, whatever was said so far."""
    return random.Random(f"{seed}:{request[:60]}:{name}").choice(list(words))


def values_said(text: str, thing: str) -> list[str]:
    """What the text says of a setting, in its order; NONE for a withdrawal."""
    said = rf"(?im)^- {re.escape(thing)}: (?P<value>none is set|\d+)|^- withdrawn: {re.escape(thing)}"
    return [found["value"] or NONE for found in re.finditer(said, text)]


def subject(request: str) -> str:
    """The setting that a request is about, "" for the rule and the traps."""
    return next((name.casefold() for name in SETTINGS if name.casefold() in request.casefold()), "")


def is_about(request: str, context: str) -> bool:
    """Whether the documents are of the project that the request names."""
    name = next((name for name in PROJECTS if re.search(rf"\b{name}\b", request)), "")
    return bool(name) and any(mark in context for mark in (f"# {name.capitalize()}", f"{name}-", f"project {name}"))


@dataclass(frozen=True)
class UsingReader:
    """Reads what is about its project, believes the last word on a thing, and guesses the rest."""

    name: str = "scripted/uses"
    checks_project: bool = True

    def choose(self, context: str, request: str, choices: Choices, seed: int) -> Mapping[str, str]:
        """As the port says."""
        heard = request.partition("journal says:")[2] + "\n" + request
        text = context if not self.checks_project or is_about(request, context) else ""
        chosen = {}
        for name, words in choices.items():
            known = self.known(f"{text}\n{heard}", request, name, words)
            chosen[name] = known if known in words else guess(request, name, words, seed)
        return chosen

    def known(self, text: str, request: str, name: str, words: Sequence[str]) -> str:
        """What the documents say, "" if nothing."""
        if name == "mode" or "mode of build.py" in request:
            return last(r"--mode (\w+)`, because|that works: (\w+)", text)
        if name == "separator" or "form for writing" in request:
            shape = last(r"(?:written as|write) `(name[ =:]+value)`", text)
            return shape if name == "answer" else next((key for key, one in SEPARATORS if one == shape), "")
        return self.value(text, subject(request), given=bool(text.strip().removeprefix(request).strip()))

    def value(self, text: str, thing: str, *, given: bool) -> str:
        """The last word on a setting; NONE where the project's documents say nothing of it."""
        said = values_said(text, thing)
        return said[-1] if said else NONE if "Standing rules" in text else ""


@dataclass(frozen=True)
class IgnoringReader:
    """Looks at nothing that it is given."""

    name: str = "scripted/ignores"

    def choose(self, context: str, request: str, choices: Choices, seed: int) -> Mapping[str, str]:
        """As the port says."""
        return {name: guess(request, name, words, seed) for name, words in choices.items()}


@dataclass(frozen=True)
class MisreadingReader(UsingReader):
    """Takes what was before for what is: of two values the other one."""

    name: str = "scripted/misreads"

    def value(self, text: str, thing: str, *, given: bool) -> str:
        """An older value, where the documents name one."""
        said = [value for value in values_said(text, thing) if value != NONE]
        older = re.findall(rf"Put \d+ in place of (\d+) into the settings for the {re.escape(thing)}", text)
        return (older or said[:1] or [""])[0]


@dataclass(frozen=True)
class TrustingReader(UsingReader):
    """Believes whatever stands there, also of another project."""

    name: str = "scripted/trusts"
    checks_project: bool = False


@dataclass(frozen=True)
class HeedingReader(IgnoringReader):
    """Looks at nothing but what it is told at the action."""

    name: str = "scripted/heeds"

    def choose(self, context: str, request: str, choices: Choices, seed: int) -> Mapping[str, str]:
        """As the port says."""
        chosen = dict(super().choose(context, request, choices, seed))
        mode = last(r"--mode (\w+)`, because", request)
        return chosen | ({"mode": mode} if mode in choices.get("mode", ()) else {})


def last(pattern: str, text: str) -> str:
    """The first group of the last match that has one."""
    found = [next((word for word in one.groups() if word), "") for one in re.finditer(pattern, text)]
    return found[-1] if found else ""
