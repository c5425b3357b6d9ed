"""Which built page does this node serve, and which of its files may be asked for?"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from missions.plain_data import read_json

FOLDER = Path(__file__).resolve().parent / "page"
INDEX = "index.html"
PACKED = ".gz"
"""How the name of a file ends that lies packed on the disk, and nowhere plain."""
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""The media types of what may be in a page; a file of another kind is not served."""


@dataclass(frozen=True, kw_only=True)
class PageFile:
    """One file of the page. `lasting`: its name holds the hash of its content, so it never changes."""

    name: str
    kind: str
    path: Path
    packed: bool
    """Whether what lies at `path` is gzip, as a browser takes it."""
    etag: str
    lasting: bool

    def plain(self) -> bytes:
        """Its content, for who takes no gzip."""
        data = self.path.read_bytes()
        return gzip.decompress(data) if self.packed else data


@dataclass(frozen=True, kw_only=True)
class BuiltPage:
    """A page as it was built. `page` is the hash of its sources, `api` the form of the HTTP surface that it speaks."""

    page: str
    api: int
    files: Mapping[str, PageFile]

    def find(self, path: str) -> PageFile | None:
        """The file for an address below the page's root; None where there is none.

        An address without a dot in its last part is a screen: its file is the index, which finds the screen.
        """
        if "." not in path.rpartition("/")[2]:
            return self.files.get(INDEX)
        return self.files.get(path)


def is_built(folder: Path = FOLDER) -> bool:
    """Whether there is a page, without reading its files."""
    return (folder / "build.json").is_file()


def read_built_page(folder: Path = FOLDER) -> BuiltPage | None:
    """What is in the folder now; None where no page was built. Only what is listed here is ever served.

    It is read anew once another page lies there: a browser is told by the index which files it needs, so an index from
    before an update leads to files that are gone.
    """
    places = (folder / "build.json", folder / f"{INDEX}{PACKED}", folder / "assets")
    return _read(folder, *map(_stamp, places))


def _stamp(path: Path) -> tuple[int, int] | None:
    """What is another one once a file is replaced, or a folder has other files."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


@lru_cache(maxsize=1)
def _read(folder: Path, *_stamps: tuple[int, int] | None) -> BuiltPage | None:
    try:
        said = read_json((folder / "build.json").read_text(encoding="utf-8"))
        page, api = str(said["page"]), int(said["api"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    found = (_file(folder, path) for path in sorted(folder.rglob("*")) if path.is_file())
    return BuiltPage(page=page, api=api, files={file.name: file for file in found if file is not None})


def _file(folder: Path, path: Path) -> PageFile | None:
    """A file of a kind that is served; None for any other."""
    packed = path.suffix == PACKED
    name = path.relative_to(folder).as_posix().removesuffix(PACKED)
    kind = KINDS.get(Path(name).suffix)
    if kind is None:
        return None
    etag = hashlib.sha256(path.read_bytes()).hexdigest()[:20]
    return PageFile(name=name, kind=kind, path=path, packed=packed, etag=etag, lasting=name.startswith("assets/"))
