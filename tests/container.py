"""How do tests build the image where no registry of images is reached? On a base made of Debian's packages.

`SHIFTBOOK_CONTAINER_ROOTFS` names a folder with such a base; without it debootstrap makes one. What is built is kept,
step by step, in the folder that `SHIFTBOOK_CONTAINER_STORE` names, for the next run; else it is gone with the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUITE = "bookworm"
BASE, IMAGE = "localhost/debian-base", "localhost/shiftbook"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BUILD_SECONDS, STEP_SECONDS = 2 * 3600, 3600
"""For what hangs: a busy machine took more than half an hour to install the packages."""


NAMESPACES = """
mount --make-rprivate /
mount --bind "$1" "$1"; cd "$1"; mkdir -p former
mount -t proc proc proc; mount -t tmpfs tmpfs dev
for each in null zero full random urandom tty; do touch dev/$each; mount --bind /dev/$each dev/$each; done
if [ "$2" = yes ]; then mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys; fi
script=$3
pivot_root . former; cd /; umount -l /former
export HOME=/var/lib/shiftbook SHIFTBOOK_HOME=/var/lib/shiftbook/home PATH=/opt/shiftbook/bin:/usr/bin:/bin
exec setpriv --reuid 10001 --regid 10001 --clear-groups --inh-caps=-all --bounding-set=-all sh -c "$script"
"""


@dataclass(frozen=True, kw_only=True)
class Builder:
    """buildah with stores of its own below one folder; each step is run in a chroot."""

    folder: Path

    def run(self, *words: str, seconds: float = STEP_SECONDS) -> str:
        """One call; returns what it printed."""
        stores = ("--root", str(self.folder / "images"), "--runroot", str(self.folder / "run"))
        env = {**os.environ, "STORAGE_DRIVER": "vfs", "TMPDIR": str(self.folder), "BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run(
            ["buildah", *stores, *words], env=env, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == 0, f"buildah {' '.join(words)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout.strip()

    def build(self, *, kept: bool = False) -> None:
        """The base, then the image as the Containerfile says; with `kept` no step is done that was done before."""
        if not (kept and self._has(BASE)):
            self._make_base()
        words = ("--format", "docker", "--network", "host", "--build-arg", f"BASE={BASE}")
        ignored = ("--ignorefile", str(ROOT / ".dockerignore"), "-f", str(ROOT / "Containerfile"))
        layers = ("--layers",) if kept else ()
        self.run("bud", *words, *layers, *ignored, "-t", IMAGE, str(ROOT), seconds=BUILD_SECONDS)

    def _has(self, image: str) -> bool:
        return image in self.run("images", "--format", "{{.Name}}").split()

    def _make_base(self) -> None:
        container = self.run("from", "scratch")
        self.run("add", "-q", container, str(self._base()), "/")
        self.run("commit", "-q", container, BASE)
        self.run("rm", container)

    def inside(self, script: str, *, env: Sequence[str] = ()) -> str:
        """Runs a shell script in a new container, as the image's user; returns what it printed."""
        container = self.run("from", IMAGE)
        try:
            given = [word for each in env for word in ("--env", each)]
            return self.run("run", *given, container, "--", "sh", "-ec", script)
        finally:
            self.run("rm", container)

    def in_namespaces(self, script: str, *, covered: bool) -> str:
        """Runs a script as the image's user in mount, process, IPC and UTS namespaces of its own, without capabilities.

        With `covered` parts of /proc are covered and read-only, as engines do it.
        """
        container = self.run("from", IMAGE)
        try:
            root = self.run("mount", container)
            words = ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "sh", "-ec", NAMESPACES, "sh"]
            done = subprocess.run(
                [*words, root, "yes" if covered else "no", script],
                capture_output=True,
                text=True,
                timeout=STEP_SECONDS,
                check=False,
            )
            return done.stdout + done.stderr
        finally:
            self.run("umount", container)
            self.run("rm", container)

    def _base(self) -> Path:
        given = os.environ.get("SHIFTBOOK_CONTAINER_ROOTFS")
        folder = Path(given) if given else self.folder / "base"
        if not folder.exists():
            words = ["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(folder)]
            done = subprocess.run(
                [*words, *_mirror()], capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
            )
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        _same_registries(folder)
        return folder


def _mirror() -> list[str]:
    """Where this machine takes Debian's packages from."""
    for path in (*Path("/etc/apt/sources.list.d").glob("*.sources"), Path("/etc/apt/sources.list")):
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            words = line.split()
            if words and words[0] in {"URIs:", "deb"}:
                return [words[1]]
    return []


def _same_registries(folder: Path) -> None:
    """Has pip and npm in the base reach what they reach here: their settings, and the authorities that are believed."""
    shutil.copy(CERTIFICATES, folder / CERTIFICATES.relative_to("/"))
    if Path("/etc/pip.conf").is_file():
        shutil.copy("/etc/pip.conf", folder / "etc/pip.conf")
    npm = [path.read_text("utf-8") for path in (Path("/etc/npmrc"), Path.home() / ".npmrc") if path.is_file()]
    (folder / "root/.npmrc").write_text("\n".join(npm), encoding="utf-8")


def builder_missing() -> str:
    """What a machine lacks to build an image; empty where nothing."""
    if os.getuid() != 0:
        return "a base of Debian's packages is made by root"
    needed = ["buildah"] if os.environ.get("SHIFTBOOK_CONTAINER_ROOTFS") else ["buildah", "debootstrap"]
    lacking = [name for name in needed if shutil.which(name) is None]
    return f"{', '.join(lacking)} not installed" if lacking else ""
