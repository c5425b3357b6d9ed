"""Which root file system do runs on this machine see? A folder, or an image in an archive, as SHIFTBOOK_ROOTFS says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.adapters.sandbox.image_root import RootFolder
    from orchestrator.core.settings import Settings


def root_folder(settings: Settings) -> RootFolder | None:
    """What is named, an archive as the folder that it was unpacked into, which is done where it was not done before.

    None: this machine's own.
    """
    from orchestrator.adapters.sandbox.image_root import RootFolder, image_root

    named = settings.rootfs
    if named is None:
        return None
    return image_root(named, settings.home / "cache") if named.is_file() else RootFolder(path=named)
