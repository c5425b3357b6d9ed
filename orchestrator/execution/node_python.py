"""Which Python runs this node, and which of its files must a sandbox show so that it runs there, too?"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path


def node_python() -> Path:
    """The real program of this Python, not a virtual environment's link to it."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()


def python_files() -> tuple[Path, ...]:
    """What of this node's Python a sandbox must show: its program, library and shared object, and no more of the
    folder that they lie in, which may be somebody's home."""
    kept = [node_python(), *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))]
    shared = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib").glob("libpython3*.so*")
    return tuple(path for path in dict.fromkeys((*kept, *sorted(shared))) if not path.is_relative_to("/usr"))
