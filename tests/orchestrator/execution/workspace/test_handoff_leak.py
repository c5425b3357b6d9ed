"""Facts about the handoff staying with the fleet, whatever becomes of the files that it was put into."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from handoff.agents_file import insert_handoff
from handoff.checking.leak import HandoffTrace
from orchestrator.execution.workspace.git_tree import AttemptRepository
from orchestrator.execution.workspace.handoff_leak import HandoffSearch, UnpackingRoom, texts
from tests.orchestrator.execution.workspace.test_staging import checked_out, seen

HANDOFF = """\
<shiftbook:portfolio>
- The lease of the house in Elm Street ends in March, and nobody of the tenants, of whom there are nine, may hear of it
  before we have told the owner of the shop.
- Prices are told to nobody outside; the list of the big customers lies with Ada and is not copied,
  nor read out to anybody on the telephone, not even to suppliers.
</shiftbook:portfolio>
"""
RULES = "# Rules\n\nUse tabs.\n"
LAID = insert_handoff(RULES, HANDOFF)


def result(made: AttemptRepository, *, public: str = "") -> tuple[tuple[str, ...], tuple[str, ...], dict[str, str]]:
    """Out of which files the handoff was taken, which carry it still, and what is handed over."""
    search = HandoffSearch(repository=made, handoff=HANDOFF, public=(public,))
    taken = search.take_out(seen(made).tree)
    done = seen(made)
    shown = {name: made.git.run("cat-file", "blob", f"{done.tree}:{name}").decode("latin-1") for name in done.files}
    return taken, search.carried(done.tree), shown


def test_blocks_are_taken_out_wherever_they_are(tmp_path: Path) -> None:
    """Moved, copied, put together: what people wrote stays, and a file of ours alone goes."""
    made = checked_out(tmp_path, {"AGENTS.md": RULES.encode()})
    (made.tree / "docs").mkdir()
    (made.tree / "docs/AGENTS.md").write_text(LAID)
    (made.tree / "docs/copy.md").write_text("<!-- shiftbook:begin -->\n@AGENTS.md\n<!-- shiftbook:end -->\n")
    (made.tree / "docs/all.txt").write_text(f"first\n{LAID}last\n")
    taken, carried, shown = result(made)
    assert taken == ("docs/AGENTS.md", "docs/all.txt", "docs/copy.md")
    assert carried == ()
    assert shown == {"docs/AGENTS.md": RULES, "docs/all.txt": f"first\n{RULES}last\n"}


def packed(kind: str) -> bytes:
    """The handoff in an archive."""
    out = io.BytesIO()
    if kind.startswith("zip"):
        out.write(b"#!/bin/sh\nexit 0\n" if kind == "zip behind a script" else b"")
        with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x/AGENTS.md", LAID)
    elif kind == "two gz":
        return gzip.compress(b"first") + gzip.compress(LAID.encode())
    elif kind == "two xz":
        return lzma.compress(b"first") + lzma.compress(LAID.encode())
    elif kind == "bz2":
        return bz2.compress(LAID.encode())
    else:
        with tarfile.open(fileobj=out, mode="w:gz" if kind == "tar.gz" else "w") as tar:
            info = tarfile.TarInfo("AGENTS.md")
            info.size = len(LAID.encode())
            tar.addfile(info, io.BytesIO(LAID.encode()))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip", "zip behind a script", "bz2", "two gz", "two xz"])
def test_what_is_packed_is_found(kind: str) -> None:
    """Nobody can take it out, so it is no result."""
    assert any(HandoffTrace.of(HANDOFF).held_by(text) for text in texts(packed(kind), UnpackingRoom()))


@pytest.mark.parametrize(
    "text",
    [
        LAID.replace("shiftbook:", "notes:"),
        "\n".join(f"> {word}" for word in HANDOFF.split()),
        HANDOFF.upper(),
        " ".join(HANDOFF.splitlines()[1:3]),
    ],
)
def test_words_are_found_under_other_markers(text: str, tmp_path: Path) -> None:
    """Renamed markers, quoted, wrapped anew, a line of it: told by its words."""
    made = checked_out(tmp_path, {"a": b"a\n"})
    (made.tree / "notes.md").write_bytes(text.encode("utf-16"))
    assert result(made)[1] == ("notes.md",)


def test_what_others_may_read_anyway_is_no_leak(tmp_path: Path) -> None:
    """What the project has itself, what the task says, and a few words that are the same by chance."""
    line = "\n".join(HANDOFF.splitlines()[1:3])
    made = checked_out(tmp_path, {"README.md": f"{line}\n".encode()})
    (made.tree / "copy.md").write_text(f"{line}\n")
    (made.tree / "chance.md").write_text(
        "The lease of the house in Elm Street ends in March, and nobody of the tenants knows.\n"
    )
    assert result(made)[:2] == ((), ())
    (made.tree / "task.md").write_text("\n".join(HANDOFF.splitlines()[3:5]))
    assert result(made, public=HANDOFF)[1] == ()
    assert result(made)[1] == ("task.md",)


def test_a_block_that_a_person_committed_stays(tmp_path: Path) -> None:
    """It was in the project before."""
    made = checked_out(tmp_path, {"AGENTS.md": LAID.encode()})
    (made.tree / "AGENTS.md").write_text(f"{LAID}More.\n")
    assert result(made)[:2] == ((), ())


def test_broken_archives_are_no_trouble() -> None:
    """They are looked at as bytes."""
    for data in (b"PK\x03\x04junk", b"\x1f\x8bjunk", b"BZhjunk", b"\xfd7zXZ\0junk", b"\x1f\x8b"):
        assert len(list(texts(data, UnpackingRoom()))) <= 2
    bomb = subprocess.run(["gzip", "-c"], input=b"0" * 10_000, capture_output=True, check=True).stdout
    assert [len(text) for text in texts(bomb, UnpackingRoom())][1] == 10_000


def test_archives_that_hold_much_more_than_they_are_take_no_more_than_a_search_has() -> None:
    """Bytes are counted over all of them, in archives and in archives within those."""
    inner, out = gzip.compress(b"0" * 3_000_000), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(20):
            archive.writestr(str(number), inner)
    room = UnpackingRoom(left=8_000_000)
    assert sum(map(len, texts(out.getvalue(), room))) < 12_000_000
    assert sum(map(len, texts(out.getvalue(), room))) < 1_000_000
