"""Which layers make up the image in an OCI archive (`podman save --format oci-archive`, `skopeo copy … oci-archive:`)?

The archive may be anybody's. From its index on, each part is named by the SHA-256 of its bytes: what has another one is
refused, and so is whatever is larger, deeper or more than an image needs.
"""

from __future__ import annotations

import hashlib
import platform
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from missions.plain_data import read_json

MAX_ARCHIVE_ENTRIES = 2000
MAX_JSON_BYTES = 1024 * 1024
MAX_LAYERS = 200
MAX_INDEXES = 3
"""Of indexes that name indexes."""
CHUNK_BYTES = 1024 * 1024
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
COMPRESSIONS = {"tar": "", "tar+gzip": "gz", "tar.gzip": "gz"}
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
"""By what Python calls a machine: what images call it, where that is another word."""


class ImageRefused(Exception):
    """An image that is not taken; the message says which part, and what is wrong with it, in one line."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer: `digest` of its blob, and how that is compressed (`gz` or "")."""

    digest: str
    size: int
    compression: str


class OciArchive:
    """An open archive. Its parts are looked up by their digests alone."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        """Lists it; reads no part yet. Raises ImageRefused."""
        self._archive = archive
        self._members: dict[str, tarfile.TarInfo] = {}
        for number, member in enumerate(archive):
            if number >= MAX_ARCHIVE_ENTRIES:
                raise ImageRefused(f"it has more than {MAX_ARCHIVE_ENTRIES:,} entries: that is no OCI archive")
            name = member.name.removeprefix("./")
            if member.isreg() and self._members.setdefault(name, member) is not member:
                raise ImageRefused(f"it has {name!r} twice")
        if "index.json" not in self._members:
            hint = ": save it with --format oci-archive" if "manifest.json" in self._members else ""
            raise ImageRefused(f"it has no index.json, so it is no OCI archive{hint}")

    def manifest_digest(self) -> str:
        """The digest of this machine's image. Raises ImageRefused."""
        index = _parsed("index.json", self._bytes("index.json"))
        for _ in range(MAX_INDEXES):
            named = _for_this_machine(_items(index, "manifests", "an index"))
            if ".index." not in named.get("mediaType", "") and ".list." not in named.get("mediaType", ""):
                return _digest(named)
            index = self._json(_digest(named))
        raise ImageRefused(f"more than {MAX_INDEXES} indexes lie one in the other")

    def layers(self, manifest: str) -> list[Layer]:
        """An image's layers, the lowest first. Raises ImageRefused."""
        found = _items(self._json(manifest), "layers", "the manifest")
        if not 0 < len(found) <= MAX_LAYERS:
            raise ImageRefused(f"it has {len(found)} layers: 1 to {MAX_LAYERS} are taken")
        return [_layer(each) for each in found]

    @contextmanager
    def blob(self, layer: Layer) -> Iterator[IO[bytes]]:
        """A layer's bytes, which are checked when the block is left, read to their end or not. Raises ImageRefused."""
        with self._open(_path(layer.digest), layer.size) as source:
            checked = _Hashed(source)
            yield cast("IO[bytes]", checked)
            checked.drain()
        if checked.digest != layer.digest:
            raise ImageRefused(f"the bytes of the layer {layer.digest} have another digest, {checked.digest}")

    def _json(self, digest: str) -> dict[str, Any]:
        data = self._bytes(_path(digest))
        if (found := f"sha256:{hashlib.sha256(data).hexdigest()}") != digest:
            raise ImageRefused(f"the bytes of {digest} have another digest, {found}")
        return _parsed(digest, data)

    def _bytes(self, name: str) -> bytes:
        with self._open(name, None) as file:
            data = file.read(MAX_JSON_BYTES + 1)
        if len(data) > MAX_JSON_BYTES:
            raise ImageRefused(f"{name} has more than {MAX_JSON_BYTES:,} bytes")
        return data

    def _open(self, name: str, size: int | None) -> IO[bytes]:
        member = self._members.get(name)
        file = self._archive.extractfile(member) if member else None
        if member is None or file is None:
            raise ImageRefused(f"it lacks {name}")
        if size is not None and member.size != size:
            raise ImageRefused(f"{name} has {member.size:,} bytes, and its manifest says {size:,}")
        return file


class _Hashed:
    """A file that is hashed as it is read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self._hash = source, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As of a file."""
        data = self._source.read(size)
        self._hash.update(data)
        return data

    def drain(self) -> None:
        """Reads what nobody wanted."""
        while self.read(CHUNK_BYTES):
            pass

    @property
    def digest(self) -> str:
        """Of what was read so far."""
        return f"sha256:{self._hash.hexdigest()}"


@contextmanager
def opened_archive(path: Path) -> Iterator[OciArchive]:
    """An archive on this disk. Raises ImageRefused, OSError."""
    try:
        with tarfile.open(path, "r:") as archive:
            yield OciArchive(archive)
    except tarfile.TarError as error:
        raise ImageRefused(f"it cannot be read as a tar archive: {error}") from error


def _for_this_machine(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    """The one of several that is for this machine; the only one whatever it says."""
    machine = MACHINES.get(platform.machine(), platform.machine())
    fitting = [one for one in manifests if _platform(one) == ("linux", machine)] if len(manifests) > 1 else manifests
    if len(fitting) != 1:
        raise ImageRefused(f"it holds {len(manifests)} images, and {len(fitting)} for linux/{machine}: save one alone")
    return fitting[0]


def _platform(manifest: dict[str, Any]) -> tuple[str, str]:
    said = manifest.get("platform")
    return (str(said.get("os")), str(said.get("architecture"))) if isinstance(said, dict) else ("", "")


def _layer(said: dict[str, Any]) -> Layer:
    kind, size = str(said.get("mediaType", "")), said.get("size")
    words = next((word for word in COMPRESSIONS if kind.endswith((f".{word}", f"{word}"))), None)
    if words is None:
        raise ImageRefused(
            f"a layer is {kind or 'nothing that is named'}: tar and tar+gzip are read; save it with gzip"
        )
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ImageRefused(f"the manifest says no size of the layer {_digest(said)}")
    return Layer(digest=_digest(said), size=size, compression=COMPRESSIONS[words])


def _items(said: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    found = said.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
        raise ImageRefused(f"{where} names no {key}")
    return found


def _digest(said: dict[str, Any]) -> str:
    digest = str(said.get("digest", ""))
    if not DIGEST.fullmatch(digest):
        raise ImageRefused(f"{digest[:80]!r} is no SHA-256 digest")
    return digest


def _path(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _parsed(name: str, data: bytes) -> dict[str, Any]:
    try:
        found = read_json(data)
    except ValueError as error:
        raise ImageRefused(f"{name} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ImageRefused(f"{name} is no JSON object")
    return found
