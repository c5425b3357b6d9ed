"""Does who watches see all that is said, once, and never a secret, wherever the output is cut?"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.live_view import MAX_TAIL_BYTES
from orchestrator.execution.live_output import ProgressFile, ProgressTail, read_output

MARK = "OPENSSH PRIVATE KEY-----\n"
KEY = f"-----BEGIN {MARK}" + "QyNTUxOQAAACBmXAbc0123456789\n" * 6 + f"-----END {MARK}"
TOKEN = "token ghp_" + "A1b2C3d4E5" * 3 + "F6g7H8\n"


@pytest.mark.parametrize("step", [1, 7, 40, 100, 1000])
def test_a_key_of_several_lines_is_never_shown(tmp_path: Path, step: int) -> None:
    """However it comes, byte by byte or at once: nothing of the key or the token, and all of the rest."""
    path, whole = tmp_path / "progress.txt", f"first\n{KEY}middle\n{TOKEN}last\n"
    shown, cursor = "", 0
    for end in [*range(0, len(whole), step), len(whole)]:
        path.write_text(whole[:end])
        page = read_output(path, cursor)
        shown, cursor = shown + page.text, page.next
    assert "QyNTUxOQ" not in shown
    assert "A1b2C3d4" not in shown
    assert all(word in shown for word in ("first", "middle", "last"))
    assert cursor == len(whole)


def test_a_key_that_never_ends_does_not_stop_the_output(tmp_path: Path) -> None:
    """A line that only looks like one is shown when more has come than a key is long."""
    path = tmp_path / "progress.txt"
    path.write_text("-----BEGIN \n" + "words of an agent\n" * 2000 + "end\n")
    cursor, shown = 0, ""
    for _ in range(10):
        page = read_output(path, cursor)
        cursor, shown = page.next, shown + page.text
    assert shown.endswith("end\n")


@settings(max_examples=30)
@given(lines=st.lists(st.text("abcäö ", max_size=50), max_size=60), cuts=st.lists(st.integers(0, 3000), max_size=5))
def test_pages_make_the_whole(tmp_path_factory: pytest.TempPathFactory, lines: list[str], cuts: list[int]) -> None:
    """Every whole line once and in order, wherever one looks in between."""
    path = tmp_path_factory.mktemp("pages") / "progress.txt"
    data = "".join(f"{line}\n" for line in lines).encode()
    shown, cursor = "", 0
    for end in [*sorted(cuts), len(data)]:
        path.write_bytes(data[:end])
        page = read_output(path, cursor)
        shown, cursor = shown + page.text, page.next
    assert shown.encode() == data


def test_the_tail_is_the_end_and_its_offsets_count_what_is_shown(tmp_path: Path) -> None:
    """A long output keeps its last part; what comes is added, and two views join without gap."""
    path = tmp_path / "progress.txt"
    tail = ProgressTail(path=path)
    tail.read()
    assert (tail.text, tail.offset, tail.end) == ("", 0, 0)
    path.write_text("one\n")
    tail.read()
    assert (tail.text, tail.offset, tail.end) == ("one\n", 0, 4)
    path.write_text("one\n" + "line\n" * 20_000)
    tail.read()
    assert len(tail.text) <= MAX_TAIL_BYTES
    assert tail.end == 4 + 5 * 20_000
    assert tail.offset == tail.end - len(tail.text)
    assert tail.text.endswith("line\n")


def test_who_comes_late_sees_the_end(tmp_path: Path) -> None:
    """In whole lines."""
    path = tmp_path / "progress.txt"
    path.write_text("".join(f"line {number}\n" for number in range(50_000)))
    page = read_output(path, -1)
    assert page.text.startswith("line ")
    assert page.text.endswith("line 49999\n")
    assert page.next == page.end
    assert read_output(tmp_path / "none", -1).text == ""


def test_what_is_said_stands_there_at_once(tmp_path: Path) -> None:
    """Line by line, whoever else writes there; nothing is opened before, and who speaks after the end is heard."""
    path = tmp_path / "progress.txt"
    progress = ProgressFile(path)
    assert not path.exists()
    progress.say("one")
    assert path.read_text() == "one\n"
    with path.open("a") as other:
        other.write("two\n")
    progress.say("three\n")
    progress.close()
    progress.say("fünf \ud800")
    progress.close()
    assert path.read_bytes() == "one\ntwo\nthree\nfünf ?\n".encode()


def test_half_a_million_lines_open_the_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To open it for each line was nine tenths of what they took."""
    opened, real = list[Path](), Path.open

    def counted(path: Path, *how: Any, **more: Any) -> Any:
        opened.append(path)
        return real(path, *how, **more)

    monkeypatch.setattr(Path, "open", counted)
    with closing(ProgressFile(tmp_path / "progress.txt")) as progress:
        for number in range(1000):
            progress.say(str(number))
    assert len(opened) == 1


def test_a_full_disk_is_told_and_tears_no_later_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """`/dev/full` takes nothing."""
    with closing(ProgressFile(Path("/dev/full"))) as progress, pytest.raises(OSError, match="No space left"):
        progress.say("x")
