"""How does a test have an answer come late? What a page asks waits at the node's edge until the test lets it go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import APIResponse, Page, Route

from tests.waiting import PATIENCE, until


@dataclass
class Held:
    """Requests that wait for their answers, the oldest first."""

    page: Page
    answer: Callable[[Route, APIResponse | None], None]
    routes: list[tuple[Route, APIResponse | None]] = field(default_factory=list)
    total: int = 0
    over: bool = False

    def wait(self, count: int = 1) -> None:
        """Waits until so many have come, from the beginning on."""
        until(lambda: self.page.evaluate("1") and self.total >= count, f"{count} requests")  # asking hears events, too

    def let_go(self) -> None:
        """Answers all that wait."""
        waiting, self.routes = self.routes, []
        for route, kept in waiting:
            self.answer(route, kept)


def _as_it_was(route: Route, kept: APIResponse | None) -> None:
    if kept:
        route.fulfill(response=kept)
    else:
        route.continue_()


@contextmanager
def held(
    page: Page,
    path: str,
    method: str = "GET",
    *,
    answer: Callable[[Route], None] | None = None,
    early: bool = False,
) -> Iterator[Held]:
    """Holds what the page asks of an address (a glob) until the end of the block. `early`: the node answers at once,
    and that answer is what comes late; `answer`: this one does instead of the node's.
    """
    made = Held(page, (lambda route, _: answer(route)) if answer else _as_it_was)

    def hold(route: Route) -> None:
        if made.over or route.request.method != method:
            route.fallback()
            return
        made.routes.append((route, route.fetch(timeout=PATIENCE * 1000) if early else None))
        made.total += 1

    page.route(path, hold)
    try:
        yield made
    finally:
        made.over = True
        made.let_go()
        page.unroute(path, hold)
