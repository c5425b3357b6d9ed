"""Of what git says on standard error, progress is left out, and nothing else."""

from __future__ import annotations

import tempfile

import pytest

from sync.process import progress_words
from sync.process.progress_words import read_said, said_bytes, without_progress


@pytest.mark.parametrize(
    "line",
    [
        "remote: Enumerating objects: 5, done.        ",
        "remote: Counting objects:  33% (1/3)        \rremote: Counting objects: 100% (3/3), done.        ",
        "remote: Total 3 (delta 0), reused 0 (delta 0), pack-reused 0",
        "Receiving objects:  45% (45/100), 12.00 MiB | 3.00 MiB/s\r",
        "Resolving deltas: 100% (7/7), completed with 2 local objects.",
        "Unpacking objects: 100% (3/3), 209 bytes | 209.00 KiB/s, done.",
        "Checking connectivity: 1234, done.",
        "remote: Finding sources: 100% (3/3)",
    ],
)
def test_progress_is_left_out(line: str) -> None:
    """Git's own and a server's, whole or broken off."""
    assert without_progress(f"before\n{line}\nafter\n".encode()) == b"before\nafter\n"


@pytest.mark.parametrize(
    "line",
    [
        "fatal: early EOF",
        "remote: error: object file is empty",
        "remote: Error code: 403",
        "remote: Counting objects is not allowed here: 100%",
        " ! [rejected]        v1 -> v1  (would clobber existing tag)",
        "remote: ",
    ],
)
def test_all_else_stays(line: str) -> None:
    """Also where it stands behind progress, in one line, or ends as on Windows."""
    said = f"Receiving objects:  45% (45/100)\r{line}\r\n{line}\n"
    assert without_progress(said.encode()) == f"{line}\n{line}\n".encode()


def test_only_the_end_of_very_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may talk for hours; what went wrong stands at the end."""
    monkeypatch.setattr(progress_words, "MAX_SAID_BYTES", 16)
    with tempfile.TemporaryFile() as said:
        said.write(b"remote: words\n" * 1000 + b"fatal: early EOF")
        said.flush()
        assert said_bytes(said) == 14016
        assert read_said(said) == b"fatal: early EOF"
