"""How is a command run with no sandbox (none), where the mission's trust allows it?"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from orchestrator.adapters.sandbox import relay
from orchestrator.adapters.sandbox.bubblewrap import (
    foreign_variables,
    oom_first_command,
    prlimit_command,
    relay_command,
)
from orchestrator.core.ports.sandbox import Confinement

LACKS = (
    "no sandbox: the command can read and write what the node's user can, and use the network",
    "no sandbox: a process that detaches itself outlives a node that is killed",
)


class NoSandbox:
    """Confines nothing but resources. Ends the command when the node dies, as far as the system can say so."""

    name = "none"
    lacks = LACKS

    def missing(self) -> str | None:
        """None: there is nothing that could be missing."""
        return None

    def command(self, argv: Sequence[str], confinement: Confinement) -> list[str]:
        """`argv` under its resource limits; start it with `confinement.environment` as its environment.

        Its line is offered to it and nothing more: it can reach the network beside it. The line's port is another one
        for each run; the relay writes it into the environment and `argv`, not into files.
        """
        line = relay_command(Path(relay.__file__), confinement.line, "shared") if confinement.line else ()
        dying = shutil.which("setpriv")  # prctl in a preexec function is not safe in a program with threads
        bounds = prlimit_command(confinement) if shutil.which("prlimit") else []
        scrubbed = [word for name in foreign_variables(confinement.environment) for word in ("-u", name)]
        clean = [shutil.which("env") or "env", *scrubbed]
        there = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(confinement.writable)]
        ends = [dying, "--pdeathsig", "KILL", "--"] if dying else []
        return [*oom_first_command(), *ends, *bounds, *clean, *there, *line, *argv]
