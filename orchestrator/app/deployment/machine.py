"""How does a deployment act on the machine: which programs of the system does it run, and what do they say?"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.app.deployment.layout import HOME, USER
from orchestrator.core.errors import OrchestratorError

SECONDS = 1800.0
"""A first clone of a large ledger over a slow line; a node that is stopped ends its work first."""


class StepFailed(OrchestratorError):
    """A program of the system failed; what was done before it stays, and the same command goes on from there."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine below `root`; only `/` is one on which programs run."""

    root: Path = Path("/")

    @property
    def live(self) -> bool:
        """Whether this is the running machine, and not a folder that becomes one."""
        return self.root == Path("/")

    @property
    def supervised(self) -> bool:
        """Whether systemd runs here (sd_booted(3))."""
        return Path("/run/systemd/system").is_dir()

    def run(self, *words: str, stdin: str = "", as_user: bool = False, codes: Sequence[int] = (0,)) -> str:
        """Runs a program, as the service's user if that is asked for. Returns what it printed. Raises StepFailed."""
        argv = [*(["runuser", "-u", USER, "--"] if as_user else []), *words]
        env = dict(os.environ) | ({"HOME": str(HOME)} if as_user else {})
        for name in [each for each in env if as_user and each.startswith(("SHIFTBOOK_", "FACTORY_", "XDG_"))]:
            del env[name]  # the deployer's own node is another one
        try:
            done = subprocess.run(
                argv,
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
                check=False,
                env=env,
                cwd=HOME if as_user else "/",
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StepFailed(f"{words[0]}: {error}") from error
        if done.returncode not in codes:
            raise StepFailed(f"`{' '.join(words)}` ended with {done.returncode}: {done.stderr.strip()[-1000:]}")
        return done.stdout
