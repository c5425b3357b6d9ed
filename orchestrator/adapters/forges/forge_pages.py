"""How is a list read that a forge hands out page by page?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.adapters.forges.forge_http import ForgeHttp, Params
from orchestrator.adapters.forges.forge_reading import part, rows


@dataclass(frozen=True, kw_only=True)
class PageRule:
    """How a forge is asked for pages: `size` rows in each, by the parameter `word`; `most` pages are read."""

    size: int
    most: int
    word: str = "per_page"


def listed(
    http: ForgeHttp, route: str, rule: PageRule, asked: Params | None = None, *, within: str = ""
) -> Iterator[Mapping[str, Any]]:
    """The rows of all pages, until one is not full; `within` names the list where it stands in an object.

    Raises ForgeFailed.
    """
    for page in range(1, rule.most + 1):
        data = http.get(route, {**(asked or {}), rule.word: rule.size, "page": page}).data
        found = rows(part(data).get(within) if within else data)
        yield from found
        if len(found) < rule.size:
            return
