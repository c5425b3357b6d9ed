"""Which built page does this node serve, and which of its files may be asked for?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from missions.plain_data import read_json

FOLDER = Path(__file__).resolve().parent / "page"
INDEX = "index.html"
ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""How a file may be sent, best first, and how its twin on the disk ends."""
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
    content: Mapping[Literal["", "br", "gzip"], Path]
    etag: str
    lasting: bool


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


def read_built_page(folder: Path = FOLDER) -> BuiltPage | None:
    """What is in the folder now; None where no page was built. Only what is listed here is ever served."""
    try:
        said = read_json((folder / "build.json").read_text(encoding="utf-8"))
        page, api = str(said["page"]), int(said["api"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    twins = tuple(ENCODINGS.values())
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in KINDS]
    files = {path.relative_to(folder).as_posix(): path for path in found if not path.name.endswith(twins)}
    return BuiltPage(page=page, api=api, files={name: _file(name, path) for name, path in files.items()})


def _file(name: str, path: Path) -> PageFile:
    content: dict[Literal["", "br", "gzip"], Path] = {"": path}
    for encoding, ending in ENCODINGS.items():
        twin = path.with_name(path.name + ending)
        if twin.exists():
            content["br" if encoding == "br" else "gzip"] = twin
    return PageFile(
        name=name,
        kind=KINDS[path.suffix],
        content=content,
        etag=hashlib.sha256(path.read_bytes()).hexdigest()[:20],
        lasting=name.startswith("assets/"),
    )
