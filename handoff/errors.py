"""Which errors can a handoff document have, and in which value?"""

from __future__ import annotations

import inspect


class HandoffError(Exception):
    """Something in the handoff could not be read or written."""

    def __init__(self, **values: object) -> None:
        super().__init__(values)
        for name, value in values.items():
            setattr(self, name, value)
        self.values = values

    def __str__(self) -> str:
        said = inspect.cleandoc(type(self).__doc__ or "").rstrip(".")
        given = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"{said}: {given}" if given else said


class BadTime(HandoffError):
    """A time must be UTC to the second, like 2026-11-21T14:32:05Z."""

    when: str


class BadMonth(HandoffError):
    """A month must read like 2026-11."""

    month: str


class BadId(HandoffError):
    """An id must begin with a letter or digit and hold only letters, digits and . _ - : ~ after it."""

    given: str


class MemoUnreadable(HandoffError):
    """This text is not a memo."""

    line: int
    reason: str


class ProposalUnreadable(HandoffError):
    """A change in this review proposal cannot be read any more; take its line out."""

    line: int


class KnowledgeUnreadable(HandoffError):
    """This file is not a lesson."""

    line: int
    reason: str


class BadMark(HandoffError):
    """This is no mark of a model's proposal: it names a person in one word, or entries, and not both."""

    given: str
