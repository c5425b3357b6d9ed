"""Is a change the same exactly where its diff is, wherever in a file it stands?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.workflow.approval.exact_change import exact_changes
from tests.orchestrator.repositories import git

BEFORE = {"run.py": b"if x:\n    a\n", "shot.png": b"\x89PNG\0one"}


def _made(tmp_path: Path, *steps: dict[str, bytes]) -> list[set[bytes]]:
    """What each commit on top of the first one changes."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "repository")
    there = tmp_path / "repository"
    found = []
    for number, step in enumerate((BEFORE, *steps)):
        git(there, "checkout", "--quiet", *(("-B", "main", "first") if number else ("-b", "main2")))
        for name, data in step.items():
            (there / name).write_bytes(data)
        git(there, "add", "--all")
        git(there, "commit", "--quiet", "--allow-empty", "-m", "index 12\ncommit 34")
        if number == 0:
            git(there, "branch", "first")
            continue
        log = git(there, "log", "-p", "--full-index", "--format=commit %H", "first..HEAD").encode()
        bare = git(there, "diff-tree", "-r", "-p", "--full-index", "first", "HEAD").encode()
        assert set(exact_changes(bare)) == set(exact_changes(log))
        assert set(exact_changes(log).values()) <= {git(there, "rev-parse", "HEAD")}
        found.append(set(exact_changes(log)))
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"run.py": b"if x:\n    a\n    b\n"}, {"run.py": b"if x:\n    a\nb\n"}),
        ({"run.py": b"if x:\n    a\n    b\n"}, {"run.py": b"if x:\n    a\n\tb\n"}),
        ({"shot.png": b"\x89PNG\0two"}, {"shot.png": b"\x89PNG\0six"}),
        ({"run.py": b"if x:\n    a"}, {"run.py": b"if x:\n    a\n\n"}),
        ({"empty.txt": b""}, {"void.txt": b""}),
    ],
    ids=["indent", "tab", "picture", "last line", "empty file"],
)
def test_two_changes_are_two(tmp_path: Path, one: dict[str, bytes], other: dict[str, bytes]) -> None:
    """Spaces count, and the bytes of what is no text."""
    first, second, again = _made(tmp_path, one, other, one)
    assert len(first) == len(second) == 1
    assert first != second
    assert first == again


def test_what_changes_nothing_is_no_change(tmp_path: Path) -> None:
    """An empty commit on the default branch brings no result."""
    assert _made(tmp_path, {}) == [set()]


def test_it_is_the_same_further_down_in_the_file(tmp_path: Path) -> None:
    """A squash stands on what others did meanwhile."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "repository")
    there = tmp_path / "repository"
    body = "".join(f"line {number}\n" for number in range(40))
    texts = [body, body + "more\n", "first\n" + body, "first\n" + body + "more\n"]
    for text in texts:
        (there / "a.txt").write_text(text)
        git(there, "add", "--all")
        git(there, "commit", "--quiet", "-m", "x")
    commits = git(there, "log", "--reverse", "--format=%H").split()
    pieces = [
        git(there, "diff-tree", "-r", "-p", "--full-index", one, other).encode()
        for one, other in ((commits[0], commits[1]), (commits[2], commits[3]))
    ]
    assert pieces[0] != pieces[1]
    assert exact_changes(pieces[0]) == exact_changes(pieces[1])
