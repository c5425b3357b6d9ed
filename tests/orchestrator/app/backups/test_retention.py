"""Which older backups go when a new one is whole?"""

from __future__ import annotations

from pathlib import Path

from orchestrator.app.backups.archive import Manifest, pack
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


def packed(folder: Path, day: int, *, secrets: bool) -> Path:
    """A real archive of that day."""
    inside = folder.with_name(f"inside-{folder.name}-{day}")
    inside.mkdir()
    (inside / "database.db").write_bytes(b"rows")
    path = folder / f"shiftbook-hq-2026010{day}T000000Z.tar.gz"
    about = Manifest(version="1", schema_revision="1", node="hq", made="then", secrets=secrets)
    pack(inside, path, about, lambda _done, _of: None)
    return path


def test_the_newest_one_with_keys_outlives_all_that_have_none(tmp_path: Path) -> None:
    """Fourteen nights without keys do not push out what alone can bring a lost machine's keys back."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    older, whole = packed(folder, 1, secrets=True), packed(folder, 2, secrets=True)
    later = [packed(folder, day, secrets=False) for day in range(3, 7)]
    assert drop_older(later[-1], "hq", 2) == (older, *later[:2])
    assert sorted(folder.iterdir()) == [whole, *later[2:]]
    newer = packed(folder, 7, secrets=True)
    assert drop_older(newer, "hq", 2) == (whole, later[2])
    assert sorted(folder.iterdir()) == [later[3], newer]


def test_an_encrypted_one_counts_as_whole_and_a_damaged_one_does_not(tmp_path: Path) -> None:
    """Only what is encrypted is called .age; what cannot be read promises nothing."""
    sealed = named(tmp_path, "shiftbook-hq-20260101T000000Z.tar.gz.age")[0]
    broken = named(tmp_path, *(f"shiftbook-hq-2026010{day}T000000Z.tar.gz" for day in (2, 3, 4)))
    assert drop_older(broken[-1], "hq", 1) == tuple(broken[:2])
    assert sorted(tmp_path.iterdir()) == [sealed, broken[-1]]
