"""What of a pull request's checks and talk is feedback that goes back to its agent, and when is that enough?

Only whom fleet.toml names is heard; what strangers and bots write is never looked at. Nothing comes back twice: each
word and each failure has a mark. A failure that an attempt has not changed, and too many rounds, end the loop: then a
person is told, and nothing is started.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from handoff.secrets.excerpts import redacted_excerpt, redacted_line
from missions.mission import MAX_FEEDBACK_CHARS
from orchestrator.core.ports.forge import ForgeCheck, ForgeComment, PullRequest

OWN_MARK = "<!-- shiftbook"
"""How what this program writes on a forge begins."""
MAX_CHECK_CHARS, MAX_COMMENT_CHARS = 1500, 4000
MAX_CHECKS, MAX_COMMENTS, MAX_MARKS = 10, 30, 250
MARK_CHARS = 12
NEEDS_YOU = "its pull request needs you: "
"""How the reason of a mission begins whose pull request a person must look at."""


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What comes back: words for the next attempt, or why a person is needed (`stop`). `marks` are what it is about."""

    text: str = ""
    marks: tuple[str, ...] = ()
    stop: str = ""


def feedback_on(
    pull: PullRequest,
    comments: Iterable[ForgeComment],
    *,
    people: Collection[str],
    seen: Collection[str],
    rounds: int,
    max_rounds: int,
    pushed: str,
    whole: bool = True,
) -> Feedback | None:
    """What comes back from an open pull request; None where nothing does.

    `pushed` is the commit that this fleet pushed last: checks of any other are nobody's failure here. `whole`: what
    still runs is not waited for.
    """
    named = [each for each in comments if is_heard(each, people) and comment_mark(each) not in seen][:MAX_COMMENTS]
    red = [each for each in pull.checks if each.state == "red"] if pull.commit == pushed else []
    waits = not whole and any(each.state == "running" for each in pull.checks)
    red = [] if waits else red
    conflict = bool(pull.conflicts) and conflict_mark(pull) not in seen
    known = red_mark(red) in seen if red else False
    if not named and not conflict and (not red or known):
        stop = f"{_names(red)} is red again after the last attempt, with the same words" if red and known else ""
        return Feedback(stop=stop) if stop else None
    if rounds >= max_rounds:
        said = _told(named, red, conflict=conflict)
        return Feedback(stop=f"{rounds} of {max_rounds} rounds of feedback are spent, and there is more: {said}")
    about, read = feedback_text(pull, named, red, conflict=conflict)
    marks = [*map(comment_mark, read), *([red_mark(red)] if red else []), *([conflict_mark(pull)] if conflict else [])]
    return Feedback(text=about, marks=tuple(marks))


def is_heard(comment: ForgeComment, people: Collection[str]) -> bool:
    """Whether somebody's words count: a person's whom fleet.toml names, and never those of this program."""
    name = comment.author.casefold()
    ours = comment.body.lstrip().startswith(OWN_MARK)
    return bool(name) and not comment.bot and not ours and name in {each.casefold() for each in people}


def comment_mark(comment: ForgeComment) -> str:
    """Tells a comment, as it was worded then, from all others."""
    return _mark("c", comment.ident, comment.updated)


def red_mark(red: Iterable[ForgeCheck]) -> str:
    """Tells one failure from another, whichever commit it is of: which checks are red, and what they say."""
    return _mark("r", *sorted(f"{each.name}\0{each.says}" for each in red))


def conflict_mark(pull: PullRequest) -> str:
    """Tells one conflict from the next: an attempt starts from the default branch as it is, so that it is over then."""
    return _mark("x", pull.base, pull.commit)


def with_marks(seen: str | None, marks: Iterable[str]) -> str:
    """What a mission keeps of the marks, the newest ones."""
    kept = dict.fromkeys([*(seen or "").split(), *marks])
    return " ".join([*kept][-MAX_MARKS:])


def feedback_text(
    pull: PullRequest, named: list[ForgeComment], red: list[ForgeCheck], *, conflict: bool
) -> tuple[str, list[ForgeComment]]:
    """What the next attempt reads, in at most MAX_FEEDBACK_CHARS, and which comments are in it: the others come later.

    What is red takes half of it at most, so that people are heard as well. What is given must be redacted already.
    """
    parts = []
    if conflict:
        parts.append(f"It conflicts with {pull.base} as it is now. You start from there: bring the change in anew.")
    for check in red[:MAX_CHECKS]:
        if _fits(parts, told := _check_words(pull, check), MAX_FEEDBACK_CHARS // 2):
            parts.append(told)
    read = []
    for comment in named:
        place = f" on {comment.path}{f':{comment.line}' if comment.line else ''}" if comment.path else ""
        told = f"{comment.author}{place}: {redacted_excerpt(comment.body.strip(), MAX_COMMENT_CHARS)}"
        if not _fits(parts, told, MAX_FEEDBACK_CHARS):
            break
        parts.append(told)
        read.append(comment)
    return "\n\n".join(parts), read


def _check_words(pull: PullRequest, check: ForgeCheck) -> str:
    head = f"The check {redacted_line(check.name, 100)} is red on {pull.commit[:10]}."
    return "\n".join(filter(None, [head, redacted_excerpt(check.says.strip(), MAX_CHECK_CHARS), check.url]))


def _fits(parts: list[str], more: str, limit: int) -> bool:
    return sum(len(each) + 2 for each in parts) + len(more) <= limit


def _told(named: list[ForgeComment], red: list[ForgeCheck], *, conflict: bool) -> str:
    people = ", ".join(dict.fromkeys(each.author for each in named))
    parts = [f"{_names(red)} is red" if red else "", "it has a conflict" if conflict else ""]
    return ", ".join(filter(None, [*parts, f"{people} wrote" if people else ""]))


def _names(red: list[ForgeCheck]) -> str:
    return redacted_line(", ".join(sorted(each.name for each in red)), 200)


def _mark(kind: str, *words: str) -> str:
    return kind + hashlib.sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()[:MARK_CHARS]
