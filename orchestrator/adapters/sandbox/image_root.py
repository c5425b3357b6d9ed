"""Where is the root file system of an OCI archive? In a folder of the node's own, unpacked once by its digest.

It is made under another name and renamed when every layer's digest was right, so that nothing half or wrong is ever
shown. Runs share it read-only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from orchestrator.adapters.sandbox.layer_tree import LayerTree
from orchestrator.adapters.sandbox.oci_archive import ImageRefused, OciArchive, opened_archive
from orchestrator.execution.workspace.tree_walk import remove_tree

ROOTS_FOLDER = "roots"
"""In the node's cache: `sha256-…` by the digest of an image's manifest."""
MAKING_PREFIX = ".making-"


@dataclass(frozen=True, kw_only=True)
class RootFolder:
    """What is shown as a root: a folder, or the archive that gave none and why."""

    path: Path
    trouble: str = ""


def image_root(archive: Path, cache: Path) -> RootFolder:
    """The folder of an archive's image, which is unpacked if that was not done before."""
    try:
        with opened_archive(archive) as opened:
            digest = opened.manifest_digest()
            place = cache / ROOTS_FOLDER / digest.replace(":", "-")
            if not place.is_dir():
                _unpack(opened, digest, place)
    except (ImageRefused, OSError) as error:
        return RootFolder(path=archive, trouble=f"the image cannot be taken: {error}")
    return RootFolder(path=place)


def _unpack(opened: OciArchive, digest: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    making = place.with_name(f"{MAKING_PREFIX}{place.name}")
    with FileLock(place.with_suffix(".lock")):
        if place.is_dir():
            return  # somebody else was first
        remove_tree(making)
        making.mkdir(mode=0o700)
        try:
            tree = LayerTree(folder=making)
            for layer in opened.layers(digest):
                with opened.blob(layer) as blob:
                    tree.apply(blob, layer.compression)
            os.sync()  # all of it is on the disk before it has its name: nobody would look at it again
            making.rename(place)
        finally:
            remove_tree(making)
