"""How do the demo's commands look in a terminal? `make screenshots` writes what they really print as pictures."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100


def take_picture(path: Path, words: tuple[str, ...], env: Mapping[str, str]) -> None:
    """Runs one command as at a terminal of `WIDTH` columns and keeps what it printed, as SVG. It must succeed."""
    shown = {**env, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color", "PAGER": "cat"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "orchestrator", *words],
        env=shown,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(done.stdout.rstrip()))
    console.save_svg(str(path), title=" ".join(("shiftbook", *words)), unique_id=path.stem)
