"""How does a layer of somebody's image become files in a folder, and nothing outside of it?

Every name is walked from the folder's own handle, and no link on the way is followed. Links are made as they are, for
they lead inside a sandbox; set-user-ID bits, owners and devices are not: the files belong to this node's user.
"""

from __future__ import annotations

import errno
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import IO, cast

from orchestrator.adapters.sandbox.oci_archive import ImageRefused
from orchestrator.execution.workspace.tree_walk import remove_tree

MAX_BYTES = 20 * 1024**3
MAX_ENTRIES = 2_000_000
MAX_DEPTH = 100
MAX_HEADER_BYTES = 1024 * 1024
"""Of a long name or a record of attributes, which is read into memory."""
CHUNK_BYTES = 1024 * 1024
WHITEOUT, OPAQUE, RESERVED = ".wh.", ".wh..wh..opq", ".wh..wh."
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class _BoundedHeader(tarfile.TarInfo):
    """A tar header whose own data is not read without a limit."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        heads = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE}
        if self.type in heads | {tarfile.SOLARIS_XHDTYPE} and self.size > MAX_HEADER_BYTES:
            raise ImageRefused(f"a header of a layer has {self.size:,} bytes")
        return super()._proc_member(archive)  # type: ignore[misc,no-any-return]


class _Ended:
    """A tar file with its last block filled up and its end marked: umoci leaves both out. (A digest says that no other
    end is missing.)"""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self._size, self._zeros = source, 0, 0

    def read(self, size: int) -> bytes:
        """As of a file."""
        data = self._source.read(size)
        if data:
            self._size += len(data)
            return data
        filled = -self._size % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE
        zeros = bytes(min(size, filled - self._zeros))
        self._zeros += len(zeros)
        return zeros


@dataclass(kw_only=True)
class LayerTree:
    """The tree that layers make in `folder`, which is there and empty. Each hides and replaces what lies below it."""

    folder: Path
    max_bytes: int = MAX_BYTES
    max_entries: int = MAX_ENTRIES
    size: int = 0
    entries: int = 0
    _made: set[tuple[str, ...]] = field(default_factory=set)
    """What the layer at hand has brought so far, with the folders above it."""

    def apply(self, blob: IO[bytes], compression: str) -> None:
        """Unpacks the next layer. Raises ImageRefused, OSError."""
        self._made = set()
        seen = set[tuple[str, ...]]()
        # tarfile's own reading of gzip ends with the first of several members
        source = _Ended(cast("IO[bytes]", GzipFile(fileobj=blob)) if compression else blob)
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|", tarinfo=_BoundedHeader) as layer:
                for member in layer:
                    self._take(layer, member, seen)
        except (tarfile.TarError, EOFError, ValueError, BadGzipFile, zlib.error) as error:
            raise ImageRefused(f"a layer cannot be read as tar: {error}") from error

    def _take(self, layer: tarfile.TarFile, member: tarfile.TarInfo, seen: set[tuple[str, ...]]) -> None:
        self.entries, self.size = self.entries + 1, self.size + abs(member.size)
        if self.entries > self.max_entries or self.size > self.max_bytes:
            raise ImageRefused(f"it has more than {self.max_entries:,} entries or {self.max_bytes:,} bytes")
        parts = _parts(member.name)
        if not parts:
            return
        with self._parent(parts) as parent:
            if parts[-1].startswith(WHITEOUT):
                self._hide(parent, parts)
                return
            if not member.isdir() and parts in seen:
                raise ImageRefused(f"a layer has {member.name!r} twice")
            seen.add(parts)
            self._make(layer, member, parent, parts)
        self._made.update(parts[:depth] for depth in range(1, len(parts) + 1))

    def _make(self, layer: tarfile.TarFile, member: tarfile.TarInfo, parent: int, parts: tuple[str, ...]) -> None:
        name = parts[-1]
        if member.isdir():
            _make_folder(parent, name)
            with _folder(parent, name) as here:
                os.fchmod(here, member.mode & 0o777 | 0o700)
        elif member.issym():
            self._clear(parent, parts)
            os.symlink(member.linkname, name, dir_fd=parent)
        elif member.islnk():
            self._link(member, parent, parts)
        elif member.isreg():
            self._clear(parent, parts)
            _write(layer, member, parent, name)
        # devices, pipes: a run has its own /dev

    def _link(self, member: tarfile.TarInfo, parent: int, parts: tuple[str, ...]) -> None:
        target = _parts(member.linkname)
        if not target or target == parts:
            raise ImageRefused(f"the hard link {member.name!r} leads to {member.linkname!r}")
        self._clear(parent, parts)
        with self._parent(target) as other:
            try:
                found = os.stat(target[-1], dir_fd=other, follow_symlinks=False)
            except OSError:
                found = None
            if found is None or not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
                raise ImageRefused(
                    f"the hard link {member.name!r} leads to {member.linkname!r}, which is no file of it"
                )
            os.link(target[-1], parts[-1], src_dir_fd=other, dst_dir_fd=parent, follow_symlinks=False)

    @contextmanager
    def _parent(self, parts: tuple[str, ...]) -> Iterator[int]:
        """A handle on the folder that a name is in; the folders on the way are made."""
        with ExitStack() as opened:
            here = os.open(self.folder, FOLDER_FLAGS)
            opened.callback(os.close, here)
            for part in parts[:-1]:
                _make_folder(here, part, keep_links=True)
                try:
                    here = opened.enter_context(_folder(here, part))
                except OSError as error:
                    if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
                        raise
                    why = f"{'/'.join(parts)!r} lies behind the link or file {part!r}, which is not followed"
                    raise ImageRefused(why) from None
            yield here

    def _hide(self, parent: int, parts: tuple[str, ...]) -> None:
        """Takes away what the layers below have there; what this one brought stays."""
        name = parts[-1]
        if name == OPAQUE:
            self._empty(parent, parts[:-1])
        elif not name.startswith(RESERVED):
            hidden = name.removeprefix(WHITEOUT)
            if hidden in {"", ".", ".."}:
                raise ImageRefused(f"a layer takes away {hidden!r}")
            self._take_away(parent, (*parts[:-1], hidden))

    def _empty(self, folder: int, parts: tuple[str, ...]) -> None:
        for name in os.listdir(folder):  # by handle
            self._take_away(folder, (*parts, name))

    def _take_away(self, parent: int, parts: tuple[str, ...]) -> None:
        if parts not in self._made:
            self._remove(parent, parts[-1])
        elif _is_folder(parent, parts[-1]):
            with _folder(parent, parts[-1]) as inner:
                self._empty(inner, parts)

    def _clear(self, parent: int, parts: tuple[str, ...]) -> None:
        """Makes room for something that is no folder."""
        if parts in self._made and _is_folder(parent, parts[-1]):
            raise ImageRefused(f"a layer has {'/'.join(parts)!r} twice")
        self._remove(parent, parts[-1])

    def _remove(self, parent: int, name: str) -> None:
        if not _is_folder(parent, name):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=parent)
        elif not remove_tree(Path(f"/proc/self/fd/{parent}", name)):
            raise OSError(f"{name!r} of a lower layer cannot be removed")


def _parts(name: str) -> tuple[str, ...]:
    """A name in an image as the parts of a path below its root."""
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
    if ".." in parts or len(parts) > MAX_DEPTH or "\0" in name:
        raise ImageRefused(f"a layer names {name[:200]!r}, which leads out of it or too deep")
    return parts


def _is_folder(parent: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _make_folder(parent: int, name: str, *, keep_links: bool = False) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=parent)
    except FileExistsError:
        if not keep_links and not _is_folder(parent, name):
            os.unlink(name, dir_fd=parent)
            os.mkdir(name, 0o755, dir_fd=parent)


@contextmanager
def _folder(parent: int, name: str) -> Iterator[int]:
    handle = os.open(name, FOLDER_FLAGS, dir_fd=parent)
    try:
        yield handle
    finally:
        os.close(handle)


def _write(layer: tarfile.TarFile, member: tarfile.TarInfo, parent: int, name: str) -> None:
    source = layer.extractfile(member)
    handle = os.open(name, FILE_FLAGS, 0o600, dir_fd=parent)
    with os.fdopen(handle, "wb") as out:
        while source is not None and (data := source.read(CHUNK_BYTES)):
            out.write(data)
        os.fchmod(handle, member.mode & 0o777 | 0o400)
