"""Facts about what a mission may touch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.path_scope import outside_scope


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("src/auth/**", "src/auth/token.py"),
        ("src/auth/**", "src/auth/deep/er/token.py"),
        ("**/*.md", "README.md"),
        ("**/*.md", "docs/a/b.md"),
        ("*.md", "docs/a/b.md"),
        ("/README.md", "README.md"),
        ("src", "src/app.py"),
        ("src/", "src/app.py"),
        ("src/*", "src/deep/app.py"),
        ("a/**/b", "a/b"),
        ("a/**/b", "a/x/y/b"),
        ("**", "any/thing"),
        ("test_?.py", "test_a.py"),
        ("[ab].txt", "a.txt"),
        ("[!ab].txt", "c.txt"),
        (r"\*.txt", "*.txt"),
        ("[a&&b].txt", "&.txt"),  # what other dialects read as "and", "or", "without" and "in neither" is itself here
        ("[a||b].txt", "|.txt"),
        ("[a~~b].txt", "~.txt"),
        ("[+--].txt", ",.txt"),
        ("[b[a].txt", "[.txt"),
        ("./src/a.py", "src/a.py"),
        ("a.b", "a.b"),
    ],
)
def test_inside(pattern: str, path: str) -> None:
    """A path that git would say is matched is inside."""
    assert outside_scope([path], [pattern]) == []


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("src/auth/**", "src/authority.py"),
        ("src/auth/**", "src/auth"),
        ("src/auth/**", "lib/src/auth/x"),
        ("src/auth/**", "SRC/auth/x"),
        ("src/*.py", "src/deep/app.py"),
        ("/README.md", "docs/README.md"),
        ("src/", "src"),
        ("a?c", "a/c"),
        ("a[!x]c", "a/c"),
        ("a.b", "aXb"),
        ("[z-a]", "z"),
        ("[a--b]", "b"),  # from "a" back to "-" is no range
        ("", "anything"),
        ("!src/**", "src/app.py"),
        ("../**", "../x"),
        ("**", "../x"),
        ("**", "/etc/passwd"),
        ("**", "a/../../x"),
        ("**", "a//b"),
        ("**", "./a"),
        ("**", ""),
    ],
)
def test_outside(pattern: str, path: str) -> None:
    """Everything else is outside, and so is every path that leaves the project."""
    assert outside_scope([path], [pattern]) == [path]


def test_no_scope() -> None:
    """A mission without a scope may touch the whole project, and nothing beyond it."""
    assert outside_scope(["a", "../b", "c"], []) == ["../b"]


def test_any_pattern() -> None:
    """One pattern that covers a path is enough; the rest come back in their order."""
    assert outside_scope(["z", "docs/a", "src/b", "a"], ["docs/**", "src/**"]) == ["z", "a"]


@given(st.text(alphabet="ab*?[]!^-/\\.", max_size=12), st.text(alphabet="ab/.", max_size=12))
def test_total(pattern: str, path: str) -> None:
    """No pattern and no path is an error."""
    assert outside_scope([path], [pattern]) in ([], [path])


def test_a_path_made_to_keep_a_pattern_busy_is_looked_through_once() -> None:
    """Each `**/` more would take as long again as the path has places for it; this one has 2,000."""
    path = "tests/" * 2_000 + "end"
    pattern = "**/tests/" * 8 + "**/*.py"
    assert outside_scope([path], [pattern]) == [path]
    assert outside_scope([f"{path}/a.py"], [pattern]) == []


@pytest.mark.parametrize(
    ("pattern", "path", "inside"),
    [
        ("*a" * 40 + "z", "a" * 200, False),
        ("*a" * 40 + "z", "a" * 200 + "z", True),
        ("**/*a*b*c", "x/acab/abc/y", True),
        ("*ab*ab*/x", "abab/x", True),
        ("*ab*ab*/x", "ab/ab/x", False),
        ("*a?*[bc]*", "aab", True),
        ("*a?*[bc]*", "ab", False),
    ],
)
def test_stars_of_one_name_are_looked_through_once(pattern: str, path: str, inside: bool) -> None:
    """However many there are, and wherever the name could be parted."""
    assert (outside_scope([path], [pattern]) == []) is inside
