"""Which older backups go when a new one is whole?"""

from __future__ import annotations

from pathlib import Path

from orchestrator.app.backups.retention import drop_older


def named(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).write_bytes(b"")
    return [folder / name for name in names]


def test_oldest_go(tmp_path: Path) -> None:
    """The newest by name stay, and what is no backup of this very node, by name, is never touched."""
    ours = named(tmp_path, *(f"shiftbook-hq-2026010{day}T000000Z.tar.gz" for day in range(1, 6)))
    others = named(
        tmp_path,
        "shiftbook-hq-2-20250101T000000Z.tar.gz",
        "shiftbook-hq-20250101T000000Z.tar.gz.mine",
        "shiftbook-hq-before-the-move.tar.gz",
        "notes.txt",
    )
    assert drop_older(ours[-1], "hq", 2) == tuple(ours[:3])
    assert sorted(tmp_path.iterdir()) == sorted(ours[3:] + others)
    assert drop_older(ours[-1], "hq", 2) == ()


def test_own_name(tmp_path: Path) -> None:
    """A backup that a person called otherwise deletes none."""
    ours = named(tmp_path, "shiftbook-hq-20260101T000000Z.tar.gz", "shiftbook-hq-20260102T000000Z.tar.gz")
    mine = named(tmp_path, "mine.tar.gz")[0]
    assert drop_older(mine, "hq", 1) == ()
    assert all(path.exists() for path in ours)


def test_newest_stays(tmp_path: Path) -> None:
    """The one just made stays, though the clock was put back since the others."""
    ours = named(tmp_path, *(f"shiftbook-hq-2026010{day}T000000Z.tar.gz" for day in (1, 5, 6)))
    assert drop_older(ours[0], "hq", 1) == (ours[1],)
    assert ours[0].exists()
