"""Is a path that exists on one machine only told from a route, a placeholder and a home that every image has?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.checking.machine_paths import machine_path


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("The clone lies in /home/ada/projects/shop.", "/home/ada/projects/shop."),
        ("Open /Users/ada/Documents/plan.md first", "/Users/ada/Documents/plan.md"),
        (r"See C:\Users\Ada\Desktop\plan.docx", r"C:\Users\Ada\Desktop\plan.docx"),
        (r"See C:\\Users\\Ada\\plan.docx", r"C:\\Users\\Ada\\plan.docx"),
        ("cd /home/ada/shop", "/home/ada/shop"),
        ("key: `/home/ada/.ssh/id_ed25519`", "/home/ada/.ssh/id_ed25519"),
        ("it is at /home/ada/anything", "/home/ada/anything"),
        ("copy it to /home/ada/a/b/c/d", "/home/ada/a/b/c/d"),
    ],
)
def test_a_persons_own_folder_is_found(line: str, path: str) -> None:
    """On three systems; the path itself is what is told."""
    assert machine_path(line) == path


@pytest.mark.parametrize(
    "line",
    [
        "GET /Users/123/Groups",
        "POST /Users/ada/Groups",
        "`GET` /Users/ada/items",
        "The route /home/ada/feed shows them",
        "/home/feed",
        "/home/user/projects/shop",
        "/home/<name>/projects",
        "/home/$USER/projects/x",
        "/home/your-name/shop.txt",
        "/home/node/app/server.js",
        "/home/runner/work/shop",
        "/Users/runner/work/shop.log",
        "/home/vscode/.config",
        "In the container it is /home/ada/app.py",
        "inside our image: /home/ada/src/x.py",
        "https://shop.example/home/ada/src/x.py",
        "src/home/ada/src/x.py",
        "C:/Users/you/x.txt",
        "nothing at all",
    ],
)
def test_what_only_looks_like_one_is_left(line: str) -> None:
    """Routes, placeholders, homes of accounts that are everywhere, what stands inside an image."""
    assert machine_path(line) == ""


def test_a_heading_can_say_that_routes_follow() -> None:
    """The same line elsewhere is a place."""
    line = "- opens /home/ada/one/two/three"
    assert machine_path(line, heading="Routes") == ""
    assert machine_path(line, heading="Machines") != ""


def test_the_first_that_counts_is_told() -> None:
    """One that does not count hides none behind it."""
    assert machine_path("not /home/node/app.js but /home/ada/app.js") == "/home/ada/app.js"


@given(st.text(st.sampled_from("/\\home Users:ada.`'\"-CGET\n"), max_size=80), st.text(max_size=10))
def test_any_line_is_read(line: str, heading: str) -> None:
    """What is told stands in the line."""
    assert machine_path(line, heading) in line
