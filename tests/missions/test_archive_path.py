"""Where a finished mission's documents lie: a function of name and day, in folders that stay small."""

from __future__ import annotations

import re
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from missions.archive_path import (
    PLACE,
    archive_path,
    archived_files,
    dated_path,
    day_of,
    index_entry,
    index_path,
    is_day,
)
from missions.mission import slug
from sync.memory_remote import MemoryStore
from sync.objects import edit_tree

NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,30}[a-z0-9]", fullmatch=True)
DAYS = st.dates().map(lambda day: f"{day:%Y/%m/%d}".rjust(10, "0"))


def test_the_day_of_a_time_is_three_folders() -> None:
    """Years, months and days are folders that people find."""
    assert day_of("2026-11-29T10:00:00Z") == "2026/11/29"
    assert is_day(day_of("2026-11-29T10:00:00Z"))
    assert not is_day("2026-11")
    assert not is_day("../../../x")


@given(NAMES, DAYS)
def test_a_path_is_the_place_that_readers_and_rules_know(name: str, day: str) -> None:
    """What is written is what `PLACE` matches, and holds the name whole."""
    assert re.fullmatch(rf"missions/archive/{PLACE}/{re.escape(name)}\.md", archive_path(name, day))
    assert re.fullmatch(rf"memos/{PLACE}/{re.escape(name)}\.md", dated_path("memos", day, name))
    assert archive_path(name, day, "1.diff").removesuffix("1.diff") == archive_path(name, day).removesuffix("md")
    assert index_path(name, "1.diff") == index_path(name) + ".1.diff"


@settings(max_examples=50)
@given(st.dictionaries(NAMES, DAYS, max_size=12), st.randoms())
def test_folders_do_not_depend_on_the_order_of_folds(ended: dict[str, str], chance: object) -> None:
    """Whoever archives the same missions, one at a time in any order or all at once, has the same tree."""
    store = MemoryStore()
    orders = [sorted(ended), sorted(ended, reverse=True)]
    chance.shuffle(orders[1])  # type: ignore[attr-defined]
    trees = []
    for order in orders:
        tree = None
        for name in order:
            tree = edit_tree(store, tree, archived_files(name, ended[name], name.encode()))
        trees.append(tree)
    every = {
        path: data for name, day in ended.items() for path, data in archived_files(name, day, name.encode()).items()
    }
    assert trees[0] == trees[1] == (edit_tree(store, None, every) if every else None)


def test_no_folder_has_more_than_256_entries_on_a_busy_day() -> None:
    """Twenty thousand missions end on one day, each with a diff, an output and a verdict."""
    folders: Counter[str] = Counter()
    for number in range(20_000):
        name = slug(f"fix the shop {number}")
        folders[archive_path(name, "2026/11/29").rpartition("/")[0]] += 4
    inner = {folder.rpartition("/")[0] for folder in folders}
    assert max(folders.values()) <= 256
    assert max(Counter(each.rpartition("/")[0] for each in inner).values()) <= 16


def test_the_index_of_a_day_is_one_object() -> None:
    """All missions of a day share the bytes of their entries."""
    assert {index_entry("2026/11/29"), archived_files("a", "2026/11/29", b"x")[index_path("a")]} == {b"2026/11/29\n"}
