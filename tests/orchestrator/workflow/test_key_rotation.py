"""Is a key replaced whole, wherever the machine dies meanwhile?"""

from __future__ import annotations

from pathlib import Path

from orchestrator.app.wiring import now
from orchestrator.workflow.key_rotation import _finish_swap, _swap_key_files
from sync.signatures import Key, Verifier, make_key


def test_a_crash_between_the_two_halves_is_mended(tmp_path: Path) -> None:
    """The private half was moved, the public one was not: the next try moves it, and the pair signs again."""
    path = tmp_path / "person"
    make_key(path, "person")
    fresh = make_key(tmp_path / "person.new", "person").public
    (tmp_path / "person.new").replace(path)
    _finish_swap(path)
    found = Key(path)
    assert found.public == fresh
    verifier = Verifier(f"ada,role=admin {fresh}\n")
    assert verifier.signer(b"words", found.sign(b"words")) is not None


def test_the_old_pair_is_kept(tmp_path: Path) -> None:
    """What it signed can still be looked at."""
    path = tmp_path / "person"
    before = make_key(path, "person").public
    after = make_key(tmp_path / "person.new", "person").public
    old = _swap_key_files(path, now())
    assert (Key(old).public, Key(path).public) == (before, after)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        {"person", "person.pub", old.name, f"{old.name}.pub"}
    )
