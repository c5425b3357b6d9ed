"""A diff on a real terminal, through real less: in colour, at its width, and not asking for a key that nobody needs."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import termios
import time
from collections.abc import Mapping

import pytest

from orchestrator.cli.mission import diff_page

LONG = "x" * 130
DIFF = f"""\
diff --git a/notes.md b/notes.md
index {"a" * 40}..{"b" * 40} 100644
--- a/notes.md
+++ b/notes.md
@@ -1,2 +1,2 @@
-index {"a" * 40}..{"b" * 40}
+{LONG}
 the same
"""
pytestmark = pytest.mark.skipif(shutil.which("less") is None, reason="needs less")


def on_a_terminal(diff: str, env: Mapping[str, str], *, columns: int = 80, rows: int = 40, keys: bytes = b"") -> str:
    """What a terminal of this size is sent for a diff."""
    pid, screen = pty.fork()
    if pid == 0:
        try:
            for name in ("LESS", "PAGER", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "COLORTERM"):
                os.environ.pop(name, None)
            os.environ.update({"TERM": "xterm-256color", "LESSHISTFILE": "-", **env})
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            with open(0, closefd=False) as stdin, open(1, "w", closefd=False) as stdout:
                diff_page.sys.stdin, diff_page.sys.stdout = stdin, stdout
                diff_page.print_lines(diff_page.diff_lines(diff), paged=True)
        finally:
            os._exit(0)
    found, over = b"", time.monotonic() + 60
    while time.monotonic() < over and select.select([screen], [], [], 20)[0]:
        try:
            found += os.read(screen, 65536)
        except OSError:  # the other end is closed
            break
        if keys and b"\n" in found:
            os.write(screen, keys)
            keys = b""
    os.close(screen)
    os.waitpid(pid, 0)
    return found.decode()


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_diff_is_in_colour_and_asks_for_no_key(columns: int) -> None:
    """Where LESS is not set. It ends by itself, as it fits, and is not broken before the terminal breaks it."""
    shown = on_a_terminal(DIFF, {}, columns=columns)
    assert re.search(r"\x1b\[[0-9;]*m\+x", shown)
    assert "ESC" not in shown
    assert LONG in re.sub(r"\x1b\[[0-9;]*[mK]|[\r\n]| \x08", "", shown)


def test_hashes_are_short_in_headers_alone() -> None:
    """Seven digits of each; a line of the file that looks like one stays whole."""
    shown = re.sub(r"\x1b\[[0-9;]*[mK]", "", on_a_terminal(DIFF, {}, columns=200))
    assert "index aaaaaaa..bbbbbbb 100644" in shown
    assert f"-index {'a' * 40}..{'b' * 40}" in shown


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({"LESS": "FRX"}, True),
        ({"LESS": ""}, True),
        ({"PAGER": "less -R"}, True),
        ({"LESS": "-FX"}, False),
        ({"PAGER": "cat"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
    ids=str,
)
def test_nobody_sees_codes_spelled(env: dict[str, str], coloured: bool) -> None:
    """Colours where the pager shows them and they are wanted; else the text alone."""
    shown = on_a_terminal(DIFF, env, keys=b"q")
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9;]*m", shown)) == coloured
    assert "ESC" not in shown
    assert "the same" in shown


def test_what_is_longer_than_the_terminal_waits_for_its_reader() -> None:
    """Page by page, as Git's."""
    lines = "".join(f"+line {number}\n" for number in range(200))
    shown = on_a_terminal(f"diff --git a/x b/x\n@@ -0,0 +1,200 @@\n{lines}", {}, rows=20, keys=b"q")
    assert "line 5" in shown
    assert "line 150" not in shown


def test_a_pipe_gets_the_diff_as_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole hashes, so that Git can apply it."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    diff_page.print_lines(diff_page.diff_lines(DIFF), paged=True)
    assert capsys.readouterr().out == DIFF
