"""A model's file in pieces: each has its hash, together they are the file, and no more than one is read at a time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from mobile_bridge import model_pieces
from mobile_bridge.model_pieces import PIECE_BYTES, ModelTooLarge, NoSuchPiece, PiecedFiles


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(PIECE_BYTES) + b"end")
    return path


def test_the_pieces_are_the_file(model: Path) -> None:
    """Put together they have the digest of the whole, and each its own."""
    file = PiecedFiles().look(model)
    spans = [(at, min(at + PIECE_BYTES, file.size)) for at in range(0, file.size, PIECE_BYTES)]
    pieces = [file.read(*span) for span in spans]
    assert b"".join(pieces) == model.read_bytes()
    assert [hashlib.sha256(each).hexdigest() for each in pieces] == list(file.pieces)
    assert hashlib.sha256(b"".join(pieces)).hexdigest() == file.digest
    assert [len(each) for each in pieces] == [PIECE_BYTES, 7]


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (0, 0), (5, 4), (0, PIECE_BYTES + 1), (PIECE_BYTES, 1 << 40)])
def test_no_more_than_a_piece_is_read(model: Path, start: int, end: int) -> None:
    """Whoever asks for nothing, for what is not there or for all of it at once is refused."""
    with pytest.raises(NoSuchPiece, match="at most"):
        PiecedFiles().look(model).read(start, end)


def test_a_changed_file_is_another(model: Path) -> None:
    """It is read once, and again when it is another; its digest says so."""
    files = PiecedFiles()
    first = files.look(model)
    assert files.look(model) is first
    model.write_bytes(b"GGUF another")
    assert files.look(model).digest == hashlib.sha256(b"GGUF another").hexdigest() != first.digest


def test_what_no_browser_could_hold_is_not_offered(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file above the roof is refused before it is read."""
    monkeypatch.setattr(model_pieces, "MAX_MODEL_BYTES", 10)
    with pytest.raises(ModelTooLarge, match="at most 10"):
        PiecedFiles().look(model)
