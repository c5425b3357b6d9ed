"""Which files are the journal's."""

from __future__ import annotations

import pytest

from orchestrator.ledger.log_paths import LogPath, is_log_path, parse_log_path


@pytest.mark.parametrize(
    ("path", "project", "month"),
    [
        ("SESSION_LOG.md", "", ""),
        ("log/2026-01.md", "", "2026-01"),
        ("log/2026-01-30.md", "", "2026-01-30"),
        ("log/2026-01-30/002.md", "", "2026-01-30/002"),
        ("projects/shop/SESSION_LOG.md", "shop", ""),
        ("projects/shop/log/2026-01.md", "shop", "2026-01"),
    ],
)
def test_the_path_of_a_log_says_whose_it_is_and_which_month(path: str, project: str, month: str) -> None:
    """The fleet's log and a project's, running and archived."""
    assert parse_log_path(path) == LogPath(project=project, month=month)
    assert is_log_path(path)
    assert is_log_path(path, anywhere=True)


@pytest.mark.parametrize(
    "path",
    [
        "log/notes.md",
        "log/2026-01/002.md",
        "log/2026-01-30/2.md",
        "log/2026-01-30/0002.md",
        "log/2026-1.md",
        "log/٢٠٢٦-٠١.md",
        "SESSION_LOG.md.bak",
        "SESSION_LOG.md\n",
        "xSESSION_LOG.md",
    ],
)
def test_what_is_no_log_is_none_anywhere(path: str) -> None:
    """A name that nearly fits is not the journal's, at the top or below."""
    assert not is_log_path(path)
    assert not is_log_path(path, anywhere=True)
    assert not is_log_path(f"docs/{path}", anywhere=True)


@pytest.mark.parametrize("path", ["docs/SESSION_LOG.md", "projects/shop/deep/log/2026-01.md"])
def test_elsewhere_only_the_merge_driver_takes_it_for_a_log(path: str) -> None:
    """Git's attributes name a file in every folder; the journal is in two places."""
    assert not is_log_path(path)
    assert is_log_path(path, anywhere=True)
