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
    """The rows of all pages; `within` names the list where it stands in an object. Raises ForgeFailed.

    Whether there is another page is the forge's word. A page that is not full proves nothing: GitLab leaves out what
    the token may not see after it has counted, and a server may give fewer rows than are asked for.
    """
    read = 0
    for page in range(1, rule.most + 1):
        answer = http.get(route, {**(asked or {}), rule.word: rule.size, "page": page})
        found = rows(part(answer.data).get(within) if within else answer.data)
        yield from found
        read += len(found)
        more = answer.more
        if more is None:
            more = bool(found) and (len(found) == rule.size if answer.total is None else read < answer.total)
        if not more:
            return
