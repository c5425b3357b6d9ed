"""Is each file of a diff told by its path and by what its lines do not say?"""

from __future__ import annotations

import pytest

from orchestrator.workflow.approval.diff_view import parse_diff


@pytest.mark.parametrize(
    ("head", "path"),
    [
        ("diff --git a/plan b/c.txt b/plan b/c.txt", "plan b/c.txt"),
        ("diff --git a/a b/a", "a"),
        (r'diff --git "a/x\"y/q.txt" "b/x\"y/q.txt"', 'x"y/q.txt'),
        (r'diff --git "a/gr\303\266\303\237e.txt" "b/gr\303\266\303\237e.txt"', "größe.txt"),
        ("diff --git a/old b/long b/new.txt\nrename from old\nrename to long b/new.txt", "long b/new.txt"),
    ],
)
def test_a_path_is_told_whole(head: str, path: str) -> None:
    """Whatever stands in it: ` b/`, quotes, letters that git spells out."""
    (found,) = parse_diff(head + "\n@@ -1 +1 @@\n-a\n+b\n")
    assert found.path == path
