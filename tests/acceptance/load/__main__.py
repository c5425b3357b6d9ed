"""`make load`: thousands of requests of every kind against a served node, judged at the end.

The seed is printed before it is used. A fault ends the run with exit code 1, and the folder is kept.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests import databases
from tests.acceptance.load.run import Load


def main() -> int:
    """One run. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--outages", type=int, default=8, help="how often the backend dies")
    parser.add_argument("--postgresql", action="store_true", help="with a real PostgreSQL instead of SQLite")
    told = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="shiftbook-load-"))
    print(f"seed {told.seed}, {told.requests} requests, in {folder}", flush=True)
    with ExitStack() as stack:
        url = ""
        if told.postgresql:
            programs = databases.programs()
            assert programs is not None, "postgresql is not installed"
            server = stack.enter_context(databases.postgresql(programs))
            url = stack.enter_context(server.database("load"))
        load = Load(
            folder=folder / "run",
            seed=told.seed,
            requests=told.requests,
            outages=told.outages,
            database_url=url,
            tell=lambda words: print(f"  {words}", flush=True),
        )
        result = load.run()
    print("\n".join(result.lines()), flush=True)
    if result.faults:
        print(f"kept in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
