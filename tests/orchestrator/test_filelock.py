"""Facts about taking turns."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from orchestrator.filelock import locked

HOLDER = "import sys, time\nfrom pathlib import Path\nfrom orchestrator.filelock import locked\n"
HOLD = HOLDER + "with locked(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"


def test_one_at_a_time(tmp_path: Path) -> None:
    """A second process waits until the first is gone, by SIGKILL too, or until it gives up."""
    path = tmp_path / "new" / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    over = time.monotonic() + 0.2
    with locked(path, give_up=lambda: time.monotonic() > over) as held:
        assert not held
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with locked(path) as held:
        assert held
