"""How do tests make an OCI archive? By this writer of their own, so that each part of it can be wrong."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

LAYER = "application/vnd.oci.image.layer.v1.tar"
Entry = tuple[str, bytes | str | None]
"""A name with a file's bytes, with where a link leads (`-> x` a symbolic one, `= x` a hard one, `device`, `pipe`), or
None for a folder."""


def layer(*entries: Entry, mode: int = 0o755) -> bytes:
    """A layer's tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, what in entries:
            info = tarfile.TarInfo(name)
            info.mode = mode
            if isinstance(what, bytes):
                info.size = len(what)
            elif what is None:
                info.type = tarfile.DIRTYPE
            elif what in {"device", "pipe"}:
                info.type = tarfile.CHRTYPE if what == "device" else tarfile.FIFOTYPE
            else:
                kind, info.linkname = what.split(" ", 1)
                info.type = tarfile.SYMTYPE if kind == "->" else tarfile.LNKTYPE
            archive.addfile(info, io.BytesIO(what) if isinstance(what, bytes) else None)
    return out.getvalue()


def folder_layer(top: Path) -> bytes:
    """A layer with all that is in a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.add(top, arcname=".")
    return out.getvalue()


@dataclass
class Image:
    """An image whose parts a test may change before it is written."""

    layers: Iterable[bytes] = ()
    kind: str = f"{LAYER}+gzip"
    blobs: dict[str, bytes] = field(default_factory=dict)
    """By name in the archive; what is here goes before what belongs there."""
    without: frozenset[str] = frozenset()
    platforms: tuple[str, ...] = ("",)
    """Of the images of its index, each with the same layers."""

    def write(self, path: Path) -> Path:
        """The archive."""
        parts = dict(self._parts())
        parts |= self.blobs
        with tarfile.open(path, "w") as archive:
            for name, data in parts.items():
                if name in self.without:
                    continue
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return path

    @property
    def layer_name(self) -> str:
        """Where its first layer is."""
        (data, *_) = self._packed()
        return _blob(data)

    def _packed(self) -> list[bytes]:
        if not self.kind.endswith("gzip"):
            return list(self.layers)
        return [gzip.compress(each, compresslevel=1, mtime=0) for each in self.layers]

    def _parts(self) -> Iterable[tuple[str, bytes]]:
        yield "oci-layout", b'{"imageLayoutVersion":"1.0.0"}'
        packed, diffs = self._packed(), [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in self.layers]
        config = json.dumps(
            {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diffs}}
        ).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [described(each, self.kind) for each in packed],
        }
        text = json.dumps(manifest).encode()
        for data in (config, *packed, text):
            yield _blob(data), data
        kind = "application/vnd.oci.image.manifest.v1+json"
        found = [described(text, kind) | ({"platform": _platform(each)} if each else {}) for each in self.platforms]
        yield "index.json", json.dumps({"schemaVersion": 2, "manifests": found}).encode()


def described(data: bytes, kind: str) -> dict[str, object]:
    """How a part is named by what needs it."""
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}


def _platform(words: str) -> dict[str, str]:
    system, _, machine = words.partition("/")
    return {"os": system, "architecture": machine}


def _blob(data: bytes) -> str:
    return f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"
