"""How is something made once on a forge, although the answer to the first try may be lost?

It is looked up first, and again after every refusal and every silence that may mean that it is there by now. What a
server has not shown after that is asked for again at the next turn, which begins by looking it up, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from orchestrator.adapters.forges.forge_reading import ident
from orchestrator.core.ports.forge import ForgeFailed, PullRequest, PullWanted

Made = TypeVar("Made")

MAY_BE_THERE = frozenset({0, 409, 422, 500, 502, 503, 504})
"""Answers after which the thing may stand on the server all the same: 0 is none, 409 and 422 say that it is there."""


def made_once(find: Callable[[], Made | None], make: Callable[[], Made]) -> Made:
    """What `find` finds, else what `make` makes, else what is found after all. Raises ForgeFailed."""
    there = find()
    if there is not None:
        return there
    try:
        return make()
    except ForgeFailed as error:
        there = find() if error.status in MAY_BE_THERE else None
        if there is None:
            raise
        return there


def keep_pull(
    wanted: PullWanted,
    *,
    at: Callable[[int], PullRequest],
    candidates: Callable[[], Iterable[PullRequest]],
    make: Callable[[], PullRequest],
    edit: Callable[[int], PullRequest],
) -> PullRequest:
    """The pull request as it shall stand: the one whose number is known, else one that is found, else a new one.

    `at` and `edit` are given a number. Raises ForgeFailed.
    """
    known = wanted.number
    there = at(known) if known is not None else made_once(lambda: own_pull(wanted, candidates()), make)
    there = settled(there, wanted)
    return edit(there.number) if differs(there, wanted) else there


def keep_comment(
    body: str,
    *,
    find: Callable[[], Mapping[str, Any] | None],
    make: Callable[[], Mapping[str, Any]],
    edit: Callable[[int], object],
) -> None:
    """Has the one comment of ours say this; `edit` is given what the forge knows it by. Raises ForgeFailed."""
    there = made_once(find, make)
    if (there.get("body") or "").split() != body.split():
        edit(ident(there))


def own_pull(wanted: PullWanted, candidates: Iterable[PullRequest]) -> PullRequest | None:
    """The pull request that is meant: one that is open from this branch, else one that ended with this very commit.

    A branch's name alone is not enough: a fork may have one of this name, and an earlier mission had, if it is over.
    """
    found = [each for each in candidates if each.base == wanted.base and not each.foreign]
    still = [each for each in found if each.state == "open" and each.head == wanted.head]
    over = [each for each in found if each.state != "open" and each.commit == wanted.commit]
    return next(iter([*sorted(still, key=lambda each: each.number), *over]), None)


def settled(there: PullRequest, wanted: PullWanted) -> PullRequest:
    """The same, if it is over or shows the commit that is wanted, and has an address. Raises ForgeFailed."""
    if not there.url:
        raise ForgeFailed(f"its answer has no address of the pull request {there.number}")
    if there.state == "open" and (there.foreign or there.commit != wanted.commit):
        shown = "a branch of another repository" if there.foreign else there.commit[:10] or "no commit"
        raise ForgeFailed(f"its pull request {there.number} shows {shown}, not {wanted.commit[:10]}")
    return there


def differs(there: PullRequest, wanted: PullWanted) -> bool:
    """Whether an open pull request says something else than it shall. Forges store ends of lines in their own way."""
    return there.state == "open" and (there.title, there.body.split()) != (wanted.title, wanted.body.split())
