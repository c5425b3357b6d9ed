"""Which folders are the root of a sandbox: this machine's own, or those of a root file system in a folder of it?

Of either only what programs need is shown. A root file system may be anybody's image: no link in it is followed on this
machine, where it would lead to the machine's own files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Beside /usr; on a merged system they are links into it."""
SHOWN_ETC = (
    *("alternatives", "bash.bashrc", "ca-certificates*", "crypto-policies", "fonts", "gai.conf", "group"),
    *("host.conf", "hosts", "inputrc", "java*", "ld.so.*", "locale.alias", "localtime", "magic", "maven", "mime.types"),
    *("nsswitch.conf", "os-release", "passwd", "perl", "pki/tls/certs", "profile", "profile.d", "protocols"),
    *("python3*", "resolv.conf", "services", "shells", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone"),
)
"""What is shown of /etc, name by name: a sandbox whose node runs as root could else read shadow and ssh keys there."""
MACHINES_ETC = frozenset({"resolv.conf", "hosts", "host.conf", "gai.conf", "pki/tls/certs", "ssl/certs"})
"""What says how this machine's network is reached and trusted, whatever root is shown."""


def machine_root() -> list[str]:
    """bubblewrap's words for this machine's own, read-only; /bin and its like as the links that they are."""
    words = ["--ro-bind", "/usr", "/usr"]
    for path in (Path("/", name) for name in SYSTEM_FOLDERS):
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    return [*words, *_etc(SHOWN_ETC)]


def folder_root(top: Path) -> list[str]:
    """The same for the root file system in a folder; links in it stay links, and lead inside."""
    words: list[str] = []
    for name in ("usr", *SYSTEM_FOLDERS):
        words += _shown(top, Path(name))
    for glob in SHOWN_ETC:
        if glob not in MACHINES_ETC and not (top / "etc").is_symlink():
            for path in sorted((top / "etc").glob(glob)):
                words += _shown(top, path.relative_to(top))
    return [*words, *_etc(sorted(MACHINES_ETC))]


def root_problem(top: Path) -> str:
    """Why a folder is no root file system; "" if it looks like one."""
    if not top.is_dir():
        return "there is no such folder: unpack an image there"
    if not (top / "usr").is_dir():
        return "it has no usr: name the folder that an image was unpacked into"
    return ""


def is_systems(path: Path) -> bool:
    """Whether a path of this machine is the root file system's inside, where nothing else can be shown in it."""
    return path.is_absolute() and path.parts[1:2] != () and path.parts[1] in {"usr", "etc", *SYSTEM_FOLDERS}


def _etc(globs: Iterable[str]) -> Iterator[str]:
    for glob in globs:
        for path in sorted(Path("/etc").glob(glob)):
            yield from ("--ro-bind-try", str(path), str(path))


def _shown(top: Path, name: Path) -> list[str]:
    """One path of the folder at its place inside; nothing of what lies behind a link in its way."""
    path, inside = top / name, str("/" / name)
    if path.parent.resolve() != top.resolve() / name.parent:
        return []
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), inside]
    return ["--ro-bind", str(path), inside] if path.is_dir() or path.is_file() else []
