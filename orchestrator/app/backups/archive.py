"""How are files put into one archive that proves itself, and taken out of one that nobody vouches for?

A gzipped tar: first `manifest.json`, which names every part with its size and SHA-256, then the parts, in that order.
Reading takes nothing that the manifest does not announce: a link, a path that leads elsewhere, a part too many or too
few, and any other byte than was promised end it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from missions.plain_data import read_json
from orchestrator.core import disk_space
from orchestrator.core.errors import WrongSetting
from sync import files

FORMAT = 1
MANIFEST_NAME, PARTS_PREFIX = "manifest.json", "parts/"
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_TAR_HEADER_BYTES = 64 * 1024
"""Of a tar's own words on an entry (a long name, pax records), which tarfile reads whole: a kilobyte can unpack to
gigabytes of them."""
CHUNK_BYTES = 1024 * 1024

OnBytesDone = Callable[[int, int], None]
"""Takes how many bytes are done, of how many."""


class BackupPart(BaseModel):
    """One file. `name` is its path below the folder, with slashes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=4096)]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What an archive holds, and of what."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    version: str
    """shiftbook's."""
    schema_revision: str
    node: str
    made: str
    """The moment, as UTC."""
    secrets: bool = True
    """Whether private keys and the secrets of `.env` are in it; older versions saved them always."""
    database_server: str = ""
    """What the database is called at its server, if it was not in the home; older versions did not say."""
    parts: tuple[BackupPart, ...] = ()

    @property
    def size(self) -> int:
        """All parts together, in bytes."""
        return sum(part.size for part in self.parts)


def pack(folder: Path, target: Path, about: Manifest, say: OnBytesDone) -> Manifest:
    """Writes every file below `folder` to `target`, which appears whole, read back, for nobody else, or not at all.

    Raises FileExistsError, OSError.
    """
    if target.exists():
        raise FileExistsError(f"{target} is there already: a backup never replaces another one")
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    manifest = about.model_copy(update={"parts": tuple(_part(folder, name) for name in names)})
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            _write(file, folder, manifest, say)
        with _open_archive(partial) as (found, parts):
            for _, stream in parts:
                _copy_stream(stream, None)
            assert found == manifest
        files.move_into_place(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def unpack(file: Path, folder: Path, wanted: Callable[[str], bool], say: OnBytesDone) -> Manifest:
    """Takes every part out into `folder`, which is new and empty; each must be `wanted`.

    Raises WrongSetting for anything but an archive as `pack` writes it, before or while it writes into `folder`.
    """
    with _open_archive(file) as (manifest, parts):
        odd = next((part.name for part in manifest.parts if not wanted(part.name)), None)
        if odd is not None:
            raise WrongSetting(file.name, f"it holds {odd!r}, which is no part of a backup")
        free = disk_space.free_bytes(folder)
        if manifest.size > free:
            raise WrongSetting(file.name, f"it holds {manifest.size:,} bytes, and {folder} has room for {free:,}")
        done = 0
        for part, stream in parts:
            path = folder / part.name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as out:
                _copy_stream(stream, out)
            done += part.size
            say(done, manifest.size)
    return manifest


def holds_secrets(file: Path) -> bool:
    """Whether an archive that is not encrypted says that keys and secrets are in it; False for what is no archive."""
    try:
        with gzip.open(file) as packed, tarfile.open(fileobj=packed, mode="r|", tarinfo=BoundedTarInfo) as tar:
            return _manifest(file, tar).secrets
    except (WrongSetting, OSError, tarfile.TarError, EOFError, zlib.error, UnicodeError):
        return False


def is_inside(name: str) -> bool:
    """Whether a part's name is a path that stays below its folder and means the same on every system."""
    path = PurePosixPath(name)
    plain = not path.is_absolute() and path.as_posix() == name and ".." not in path.parts and name != "."
    return plain and "\\" not in name and name.isprintable()


def _part(folder: Path, name: str) -> BackupPart:
    with (folder / name).open("rb") as file:
        return BackupPart(
            name=name, size=(folder / name).stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest()
        )


def _write(file: IO[bytes], folder: Path, manifest: Manifest, say: OnBytesDone) -> None:
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        first = manifest.model_dump_json(indent=1).encode()
        tar.addfile(_entry(MANIFEST_NAME, len(first)), io.BytesIO(first))
        done = 0
        for part in manifest.parts:
            with (folder / part.name).open("rb") as content:
                tar.addfile(_entry(PARTS_PREFIX + part.name, part.size), content)
            done += part.size
            say(done, manifest.size)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


@contextmanager
def _open_archive(file: Path) -> Iterator[tuple[Manifest, Iterator[tuple[BackupPart, DigestStream]]]]:
    """The manifest, and each part with its checked bytes; the caller reads each to its end."""
    try:
        # Not by "r|gz": tarfile's own gunzip does not look at the checksum.
        with gzip.open(file) as packed, tarfile.open(fileobj=packed, mode="r|", tarinfo=BoundedTarInfo) as tar:
            manifest = _manifest(file, tar)
            yield manifest, _parts(file, tar, manifest)
            if len(packed.read(CHUNK_BYTES)) == CHUNK_BYTES:  # the end of a tar is padding, a few kilobytes
                raise WrongSetting(file.name, "it is damaged: it goes on after its end")
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError) as error:
        raise WrongSetting(file.name, f"it is damaged or no backup ({error})") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise WrongSetting(file.name, f"two of its parts are in each other's way ({error})") from error


def _manifest(file: Path, tar: tarfile.TarFile) -> Manifest:
    entry = tar.next()
    if entry is None or not entry.isreg() or entry.name != MANIFEST_NAME or entry.size > MAX_MANIFEST_BYTES:
        raise WrongSetting(file.name, "it is no backup: it does not begin with a manifest")
    content = tar.extractfile(entry)
    assert content is not None
    try:
        found = read_json(content.read())
        if isinstance(found, dict) and isinstance(found.get("format"), int) and found["format"] > FORMAT:
            raise WrongSetting(file.name, f"a newer shiftbook made it (format {found['format']}): update shiftbook")
        manifest = Manifest.model_validate(found)
    except (ValidationError, ValueError, RecursionError) as error:
        raise WrongSetting(file.name, "it is no backup: its manifest cannot be read") from error
    names = [part.name for part in manifest.parts]
    odd = next((name for name in names if not is_inside(name)), None)
    if odd is not None or len(set(names)) < len(names):
        raise WrongSetting(file.name, f"its manifest names {odd!r}" if odd is not None else "it names a part twice")
    return manifest


def _parts(file: Path, tar: tarfile.TarFile, manifest: Manifest) -> Iterator[tuple[BackupPart, DigestStream]]:
    for part in manifest.parts:
        entry = tar.next()
        if entry is None or not entry.isreg() or (entry.name, entry.size) != (PARTS_PREFIX + part.name, part.size):
            raise WrongSetting(file.name, f"it is damaged: {part.name} is not where its manifest says")
        content = tar.extractfile(entry)
        assert content is not None
        checked = DigestStream(content)
        yield part, checked
        if checked.digest.hexdigest() != part.sha256 or checked.read(1):
            raise WrongSetting(file.name, f"it is damaged: {part.name} is not what was saved")
    if tar.next() is not None:
        raise WrongSetting(file.name, "it is damaged: it goes on after its last part")


class BoundedTarInfo(tarfile.TarInfo):
    """An entry of a tar whose headers are read up to a size, and that stands for itself: no sparse file, no link."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        """tarfile's own hook for each header block. Raises ReadError."""
        plain = self.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
        if not plain and self.size > MAX_TAR_HEADER_BYTES:
            raise tarfile.ReadError("a header that is too long")
        return super()._proc_member(tar)  # type: ignore[no-any-return,misc]  # typeshed does not list it


class DigestStream:
    """A stream that remembers the digest of what was read from it."""

    def __init__(self, inner: IO[bytes]) -> None:
        self.inner, self.digest = inner, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        found = self.inner.read(size)
        self.digest.update(found)
        return found


def _copy_stream(stream: DigestStream, out: IO[bytes] | None) -> None:
    while piece := stream.read(CHUNK_BYTES):
        if out is not None:
            out.write(piece)
