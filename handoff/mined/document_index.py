"""The index of a document: what of it is a fresh instance given, pointers first and prose second?"""

from __future__ import annotations

import re
from functools import lru_cache

from handoff.briefing import BriefingItem, parse, print_briefing
from handoff.marks.model_mark import LABEL
from handoff.marks.pointers import POINTERS_TITLE, PROSE_TITLE, pointer

EXPLANATION = (
    "A model proposed something about these, and nobody has confirmed it. Read the place that is named before you rely "
    "on it (`shiftbook log show ENTRY`)."
)

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@lru_cache(maxsize=64)
def given_document(text: str) -> str:
    """The document with its unconfirmed items out of its prose, and one line for each below its title.

    A document without such items is given as it is, byte for byte. Standing rules stay where they are.
    """
    if LABEL not in text:
        return text
    items = parse(text)
    pointed = [item for item in items if item.item_id and item.awaits and not item.standing]
    if not pointed:
        return text
    kept = _without(items, pointed)
    title = [item for item in kept[:1] if not item.item_id and item.raw.lstrip().startswith("# ")]
    lines = [f"- {pointer(item.text, item.cites, item.item_id)}" for item in pointed]
    head = print_briefing(title).rstrip() + "\n\n" if title else ""
    index = "\n".join([f"## {POINTERS_TITLE}", "", EXPLANATION, "", *lines])
    prose = print_briefing(kept[len(title) :])
    told = _COMMENT.sub("", prose).strip()
    between = "" if not told or told.startswith(("# ", "## ")) else f"## {PROSE_TITLE}\n\n"
    return f"{head}{index}\n\n{between}{prose}"


def _without(items: tuple[BriefingItem, ...], pointed: list[BriefingItem]) -> list[BriefingItem]:
    """The items without those, and without the headings that nothing is left under because of that."""
    gone = {id(item) for item in pointed}
    kept: list[BriefingItem] = []
    emptied = False
    for item in items:
        if id(item) in gone:
            emptied = emptied or (bool(kept) and not kept[-1].item_id)
            continue
        if not item.item_id and emptied and len(kept) > 1:
            kept.pop()
        emptied = False
        kept.append(item)
    return kept[:-1] if emptied and len(kept) > 1 else kept
