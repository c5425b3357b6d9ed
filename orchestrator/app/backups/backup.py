"""What of a node cannot be made again, and how does it come back?

A backup holds the database, as a consistent copy, and everything in the home folder but what can be fetched or made
again. It is taken while the node runs. Secrets are in it only where it is encrypted. A restore never mixes: the home
folder becomes what the backup holds, and what was there is kept beside it.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from missions.plain_data import read_json
from orchestrator import __version__
from orchestrator.app import wiring
from orchestrator.app.backups import archive
from orchestrator.app.backups.archive import Manifest, OnBytesDone
from orchestrator.app.backups.encryption import SUFFIX, decrypt, encrypt, is_encrypted, read_recipients
from orchestrator.app.backups.home_copy import DATABASE_PART, HOME_PREFIX, STAGE_PREFIX, copy_home, is_backup_part
from orchestrator.app.backups.secret_parts import carry_over
from orchestrator.app.database_place import require_saveable, restored_database
from orchestrator.app.kept_revocations import read_revocations
from orchestrator.app.web_process import RECORD_FILE
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import BackupFailed, NotFound, Refused, WrongSetting
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from orchestrator.core.sqlite_url import sqlite_file
from orchestrator.core.time_text import format_utc


@dataclass(frozen=True, kw_only=True)
class SavedBackup:
    """A backup that was made. `skipped` are things in the home folder that are no files, such as sockets.

    `secrets_left_out` are how many private keys and lines of `.env` it lacks, because it is not encrypted.
    """

    path: Path
    manifest: Manifest
    rows: int
    skipped: tuple[str, ...]
    secrets_left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class RestoredBackup:
    """A backup that was put back. `aside` are where what was there before is kept.

    `kept_out` says of each whom the backup would have let in that they are not; `revocations_known` whether anything
    could tell who was revoked since. `carried` are how many secrets came from the home that was there, where the backup
    has none.
    """

    home: Path
    manifest: Manifest
    rows: int
    database: str
    aside: tuple[Path, ...]
    kept_out: tuple[str, ...] = ()
    revocations_known: bool = True
    carried: int = 0


def save(settings: Settings, target: Path, say: OnBytesDone, *, to: Sequence[str] = ()) -> SavedBackup:
    """Writes a backup to the file `target`, or into it if it is a folder; a node may run meanwhile.

    With recipients it holds the node's secrets, too, and is encrypted `to` them; without, neither. Raises NotFound
    without a home, WrongSetting, Refused when the file is there or no database is, BackupFailed, StoreFailed.
    """
    home = settings.home
    if not home.is_dir():
        raise NotFound(f"there is no node's home at {home}: SHIFTBOOK_HOME says where it is")
    require_saveable(settings)
    now = wiring.now()
    readers = read_recipients(to) if to else []
    ending = f".tar.gz{SUFFIX}" if readers else ".tar.gz"
    path = _target(target.absolute(), home, f"shiftbook-{settings.node}-{now:%Y%m%dT%H%M%SZ}{ending}")
    stores = wiring.stores(settings)
    try:
        # what is not encrypted yet does not touch the disk that the backup is for
        beside = home if readers else path.parent
        with (
            _translate_write_errors(path),
            tempfile.TemporaryDirectory(prefix=STAGE_PREFIX, dir=beside) as name,
        ):
            stage = Path(name, "parts")
            stage.mkdir()
            rows = stores.copies.save(stage / DATABASE_PART)
            copied = copy_home(
                home, stage / HOME_PREFIX, str(sqlite_file(settings.store_url) or ""), whole=bool(readers)
            )
            about = Manifest(
                version=__version__,
                schema_revision=stores.copies.schema,
                node=settings.node,
                made=format_utc(now),
                secrets=bool(readers),
                database_server="" if settings.store_url.startswith("sqlite") else stores.copies.place,
            )
            packed = Path(name, "packed.tar.gz") if readers else path
            manifest = archive.pack(stage, packed, about, say)
            if readers:
                encrypt(packed, path, readers)
    finally:
        stores.close()
    return SavedBackup(
        path=path,
        manifest=manifest,
        rows=rows,
        skipped=tuple(copied.skipped),
        secrets_left_out=copied.left_out,
    )


def restore(
    settings: Settings, file: Path, say: OnBytesDone, *, force: bool, identity: Path | None = None
) -> RestoredBackup:
    """Makes the home folder and the database what the backup holds; `identity` opens an encrypted one.

    Raises NotFound, WrongSetting for a file that is no whole backup, and Refused while a node runs there, or when
    something is there already and `force` is not set. Until all of the backup was read and checked nothing is changed.
    """
    if not file.is_file():
        raise NotFound(f"there is no backup {file}")
    home, stamp = settings.home, f"{wiring.now():%Y%m%dT%H%M%SZ}"
    home.parent.mkdir(parents=True, exist_ok=True)
    sealed = Path(tempfile.mkdtemp(prefix=f".{home.name}.restore-", dir=home.parent))
    stage = sealed / "parts"
    stage.mkdir(mode=0o700)
    try:
        if is_encrypted(file):
            if identity is None:
                raise WrongSetting(file.name, "it is encrypted: --identity KEYFILE opens it (of age or ssh)")
            decrypt(file, sealed / "packed.tar.gz", identity)
            file = sealed / "packed.tar.gz"
        manifest = archive.unpack(file, stage, is_backup_part, say)
        if not (stage / DATABASE_PART).is_file():
            raise WrongSetting(file.name, "it is no backup of a node: it holds no database")
        (stage / HOME_PREFIX).mkdir(mode=0o700, exist_ok=True)
        with _no_node_running(home):
            return _put_back(settings, stage, manifest, stamp, force=force)
    finally:
        shutil.rmtree(sealed, ignore_errors=True)


def _target(target: Path, home: Path, name: str) -> Path:
    path = target / name if target.is_dir() else target
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder {path.parent}")
    if path.resolve().is_relative_to(home.resolve()):
        raise WrongSetting("FILE", f"{path} lies in the node's home {home}, which may be lost with it: write elsewhere")
    if path.exists():
        raise Refused(f"{path} is there already: a backup never replaces another one")
    return path


@contextmanager
def _translate_write_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise BackupFailed(f"no backup was written: {error.filename or path}: {error.strerror or error}") from error


@contextmanager
def _no_node_running(home: Path) -> Iterator[None]:
    """Keeps nodes from starting in `home`. Raises Refused where one runs."""
    if not home.is_dir():
        yield
        return
    lock = FileLock(home / "node.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Refused(f"a node runs in {home}: stop it first") from error
    try:
        server = _serving_process(home)
        if server is not None:
            raise Refused(f"`shiftbook serve` runs in {home} (process {server}): stop it first")
        yield
    finally:
        lock.release()


def _serving_process(home: Path) -> int | None:
    """The process that serves this home over HTTP without a node, if one does."""
    try:
        pid = int(read_json((home / RECORD_FILE).read_text(encoding="utf-8"))["pid"])
        words = psutil.Process(pid).cmdline()
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return pid if any("orchestrator" in word or "shiftbook" in word for word in words) else None


def _put_back(settings: Settings, stage: Path, manifest: Manifest, stamp: str, *, force: bool) -> RestoredBackup:
    home, new = settings.home, stage / HOME_PREFIX
    # another node's keys are not this one's
    carried = 0 if manifest.secrets or manifest.node != settings.node else carry_over(home, new)
    after = _restored_settings(home, new, manifest)
    elsewhere = bool(after.database_url)
    revoked = read_revocations(settings)  # before anything is written: it may be the very database
    stores = wiring.stores(after)
    kept = [_free_path(home.with_name(f"{home.name}.before-{stamp}"))] if _occupied(home) else []
    try:
        full = elsewhere and not stores.copies.empty()
        if (kept or full) and not force:
            what = home if kept else f"the database {stores.copies.place}"
            raise Refused(
                f"{what} is in use already: --force puts the backup in its place and keeps the old one beside"
            )
        if full:
            kept.append(
                _save_database_aside(stores, _free_path(home.with_name(f"{home.name}.database-before-{stamp}.db")))
            )
        if full and not revoked.known:  # only the backup's own `.env` names this database
            revoked = read_revocations(after)
        rows = stores.copies.load(stage / DATABASE_PART)
        kept_out = revoked.apply(stores)
        place = stores.copies.place if elsewhere else str(home / "shiftbook.db")
    finally:
        stores.close()
    _swap(home, new, kept[0] if _occupied(home) else None)
    return RestoredBackup(
        home=home,
        manifest=manifest,
        rows=rows,
        database=place,
        aside=tuple(kept),
        kept_out=kept_out,
        revocations_known=revoked.known,
        carried=carried,
    )


def _restored_settings(home: Path, new: Path, manifest: Manifest) -> Settings:
    """Those of the home that comes: its `.env` may name another database. Raises WrongSetting, SecretsUnavailable."""
    try:
        after = load_settings(home=new)
    except WrongSetting as error:
        why = f"{error.why}; nothing was restored: the backup's settings want it, so set it for this command"
        raise WrongSetting(error.name, why) from error
    url = restored_database(home, after.database_url, manifest.database_server)
    return after.model_copy(update={"database_url": url})


def _free_path(path: Path) -> Path:
    """The path, or one beside it that nothing has: two restores may fall into one second."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return path if not path.exists() else next(each for each in names if not each.exists())


def _occupied(home: Path) -> bool:
    return home.is_dir() and any(path.name != "node.lock" for path in home.iterdir())


def _save_database_aside(stores: Stores, path: Path) -> Path:
    stores.copies.save(path)
    return path


def _swap(home: Path, new: Path, aside: Path | None) -> None:
    """Two renamings; if the second one fails the first is taken back."""
    if aside is None:
        shutil.rmtree(home, ignore_errors=True)  # nothing but a lock
        new.rename(home)
        return
    try:
        home.rename(aside)
    except OSError as error:
        why = f"it cannot be moved aside ({error.strerror}); restore into another folder and mount that"
        raise WrongSetting("SHIFTBOOK_HOME", f"{home}: {why}") from error
    try:
        new.rename(home)
    except OSError:
        aside.rename(home)
        raise
