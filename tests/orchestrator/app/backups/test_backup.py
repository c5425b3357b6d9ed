"""Facts about saving what of a node cannot be made again, and about bringing it back."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from filelock import FileLock

from orchestrator.app import wiring
from orchestrator.app.backups import backup
from orchestrator.app.backups.archive import OnBytesDone
from orchestrator.app.backups.backup import RestoredBackup, SavedBackup
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import NotFound, OrchestratorError, Refused, WrongSetting
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.paired_devices import PairedDevice, Pairing, PairingState
from orchestrator.core.settings import Settings
from tests import program
from tests.databases import Server
from tests.orchestrator.app.backups.test_archive import archive, entry, quiet

FILES = {
    ".env": "SHIFTBOOK_LEDGER=/somewhere\n",
    "pin.json": "{}",
    "journal.json": "{}",
    "keys/node": "private",
    "keys/ops.key": "more private",
    "outbox/fix-1.json": "{}",
    "unsent/fix.md": "my words",
}
REMADE = (
    "ledger.git/config",
    "cache/x",
    "models/big.gguf",
    "work/a/b",
    "recall.db",
    "recall-3.db",
    "seen.json",
    "http.log",
    "nudge",
)


IDENTITY = pyrage.x25519.Identity.generate()
READER = str(IDENTITY.to_public())


def save(settings: Settings, target: Path, say: OnBytesDone) -> SavedBackup:
    """A backup with everything, encrypted."""
    return backup.save(settings, target, say, to=[READER])


def restore(settings: Settings, file: Path, say: OnBytesDone, *, force: bool) -> RestoredBackup:
    """Puts one back, with the key that opens it."""
    with tempfile.NamedTemporaryFile("w", suffix=".key") as key:
        key.write(f"# created: today\n{IDENTITY}\n")
        key.flush()
        return backup.restore(settings, file, say, force=force, identity=Path(key.name))


def opened_by(shelf: Path) -> tuple[str, str]:
    """The option of the command that opens those of `save`."""
    (shelf / "key").write_text(f"{IDENTITY}\n")
    return "--identity", str(shelf / "key")


class Place:
    """A machine with one home, told by the environment as for a process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.monkeypatch = folder / "home", monkeypatch
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)

    @property
    def settings(self) -> Settings:
        self.monkeypatch.setenv("SHIFTBOOK_HOME", str(self.home))
        self.monkeypatch.setenv("SHIFTBOOK_NODE_ID", "desk")
        return load_settings()

    def fill(self) -> str:
        """A lived-in home; returns a conversation."""
        for name, text in {**FILES, **dict.fromkeys(REMADE, "again")}.items():
            (self.home / name).parent.mkdir(parents=True, exist_ok=True)
            (self.home / name).write_text(text)
        return self.fill_rows()

    def fill_rows(self) -> str:
        """Rows in its database; returns a conversation of one turn."""
        stores = wiring.stores(self.settings)
        here = stores.conversations.create("shop", "phone", "title").id
        stores.conversations.append(here, ConversationTurn(role="user", content="hello"))
        stores.tokens.add("laptop", "digest", ["chat"])
        stores.close()
        return here

    def turns(self, here: str) -> int:
        """How many turns a conversation has."""
        stores = wiring.stores(self.settings)
        try:
            return len(stores.conversations.turns(here))
        finally:
            stores.close()

    def files(self) -> dict[str, str]:
        """What lies in the home, the database excepted."""
        found = (path for path in self.home.rglob("*") if path.is_file() and not path.name.startswith("shiftbook.db"))
        return {path.relative_to(self.home).as_posix(): path.read_text() for path in found}

    def shiftbook(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a command as a person would."""
        environment = {**os.environ, "SHIFTBOOK_HOME": str(self.home), "SHIFTBOOK_NODE_ID": "desk"}
        return program.run(*words, env=environment, cwd=Path.cwd())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A machine."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_DATABASE", "SHIFTBOOK_LEDGER"))]:
        monkeypatch.delenv(name)
    return Place(tmp_path / "machine", monkeypatch)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder for backups."""
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


def test_what_cannot_be_made_again_comes_back(place: Place, shelf: Path, tmp_path: Path) -> None:
    """Keys, pins, letters and every row are as they were on another machine; clones and caches are not carried."""
    here = place.fill()
    saved = save(place.settings, shelf, quiet)
    assert saved.path.parent == shelf
    assert saved.path.name.startswith("shiftbook-desk-2")
    assert [*shelf.iterdir()] == [saved.path]
    assert saved.path.stat().st_mode & 0o777 == 0o600
    place.home = tmp_path / "other" / "home"
    done = restore(place.settings, saved.path, quiet, force=False)
    assert (done.rows, done.aside) == (saved.rows, ())
    assert place.files() == FILES
    assert place.turns(here) == 1
    modes = {path.stat().st_mode & 0o077 for path in [place.home, *place.home.rglob("*")]}
    assert modes == {0}
    assert [path.name for path in place.home.parent.iterdir()] == ["home"]


def test_a_home_in_use_is_kept_aside(place: Place, shelf: Path) -> None:
    """Without --force it is refused and untouched; with it what was there is beside it, whole."""
    here = place.fill()
    saved = save(place.settings, shelf / "mine.tar.gz", quiet)
    (place.home / "keys" / "node").write_text("changed")
    stores = wiring.stores(place.settings)
    stores.conversations.append(here, ConversationTurn(role="user", content="after"))
    stores.close()
    before = place.files()
    with pytest.raises(Refused, match="--force"):
        restore(place.settings, saved.path, quiet, force=False)
    assert place.files() | {"node.lock": ""} == before | {"node.lock": ""}
    done = restore(place.settings, saved.path, quiet, force=True)
    assert place.files() == FILES
    assert place.turns(here) == 1
    (aside,) = done.aside
    assert aside.name.startswith("home.before-2")
    place.home = aside
    assert place.turns(here) == 2
    assert place.files() | {"node.lock": ""} == before | {"node.lock": ""}
    assert len([*aside.parent.iterdir()]) == 2


def test_a_restore_waits_for_no_running_node(place: Place, shelf: Path) -> None:
    """While a node, or a server alone, lives in the home it is refused, --force or not."""
    place.fill()
    saved = save(place.settings, shelf, quiet)
    with FileLock(place.home / "node.lock"), pytest.raises(Refused, match="a node runs in"):
        restore(place.settings, saved.path, quiet, force=True)
    code = "import time; time.sleep(60)  # shiftbook serve"
    server = subprocess.Popen([sys.executable, "-c", code])
    try:
        (place.home / "http.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": server.pid}))
        with pytest.raises(Refused, match=rf"process {server.pid}"):
            restore(place.settings, saved.path, quiet, force=True)
    finally:
        server.kill()
        server.wait()
    assert restore(place.settings, saved.path, quiet, force=True).aside


def test_a_backup_is_taken_while_others_write(place: Place, shelf: Path, tmp_path: Path) -> None:
    """With a held node lock and four writing threads, each backup holds a conversation without a gap."""
    here = place.fill()
    stores, done = wiring.stores(place.settings), threading.Event()

    def write() -> None:
        while not done.is_set():
            stores.conversations.append(here, ConversationTurn(role="user", content="x" * 300))

    writers = [threading.Thread(target=write) for _ in range(4)]
    with FileLock(place.home / "node.lock"):
        for writer in writers:
            writer.start()
        try:
            saved = [save(place.settings, shelf / f"{n}.tar.gz", quiet) for n in range(3)]
        finally:
            done.set()
            for writer in writers:
                writer.join()
            stores.close()
    for n, each in enumerate(saved):
        place.home = tmp_path / f"again{n}"
        restore(place.settings, each.path, quiet, force=False)
        stores = wiring.stores(place.settings)
        turns = stores.conversations.turns(here, limit=100_000)
        assert [turn.seq for turn in turns] == list(range(1, len(turns) + 1))
        assert stores.conversations.get(here).turns == len(turns)
        stores.close()


def test_letters_that_go_meanwhile_are_no_trouble(place: Place, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is delivered between looking and reading is simply not there."""
    place.fill()
    read = Path.read_bytes

    def vanish(path: Path) -> bytes:
        if path.name == "fix-1.json":
            path.unlink()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", vanish)
    saved = save(place.settings, shelf, quiet)
    assert "home/outbox/fix-1.json" not in {part.name for part in saved.manifest.parts}


def test_what_is_no_file_is_said(place: Place, shelf: Path) -> None:
    """Sockets and links to folders are left out and named; a key that is a link is saved by its content."""
    place.fill()
    (place.home / "loop").symlink_to(place.home)
    (place.home / "gone").symlink_to("/nowhere")
    (shelf / "vault").write_text("vaulted")
    (place.home / "keys" / "person").symlink_to(shelf / "vault")
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind(str(place.home / "ear"))
        saved = save(place.settings, shelf, quiet)
    assert saved.skipped == ("ear", "gone", "loop")
    restore(place.settings, saved.path, quiet, force=True)
    assert (place.home / "keys" / "person").read_text() == "vaulted"
    assert not (place.home / "keys" / "person").is_symlink()


def test_where_a_backup_may_not_go(place: Place, shelf: Path) -> None:
    """Not into the home, not over a file, not into a folder that is not there; and a home must be there."""
    place.fill()
    (shelf / "taken").write_text("mine")
    (shelf / "link").symlink_to(place.home)
    for target, error in (
        (place.home / "b.tar.gz", WrongSetting),
        (place.home, WrongSetting),
        (shelf / "link", WrongSetting),
        (shelf / "taken", Refused),
        (shelf / "nowhere" / "b.tar.gz", NotFound),
    ):
        with pytest.raises(error) as caught:
            save(place.settings, target, quiet)
        assert isinstance(caught.value, OrchestratorError)
    assert (shelf / "taken").read_text() == "mine"
    place.home = shelf / "nohome"
    with pytest.raises(NotFound, match="SHIFTBOOK_HOME"):
        save(place.settings, shelf, quiet)


HOSTILE = ["ledger.git/hooks/update", "cache/x/.git/hooks/post-checkout", "models/m.gguf", "node.lock", "shiftbook.db"]
HOSTILE += ["LEDGER.GIT/hooks/update", "Ledger.git/config", "MODELS/m.gguf", "Http.json", "fleets/x/ledger.git/config"]


@pytest.mark.parametrize("name", ["elsewhere", "home/../../evil", *(f"home/{name}" for name in HOSTILE)])
def test_a_foreign_backup_brings_nothing_that_runs(place: Place, shelf: Path, name: str) -> None:
    """Only what `backup` itself writes is taken: no clone with hooks, no model, no second database."""
    bad = archive(shelf / "bad", [(entry("parts/database.db"), b"x"), (entry(f"parts/{name}"), b"evil")])
    with pytest.raises(WrongSetting, match="bad: "):
        restore(place.settings, bad, quiet, force=True)
    assert not place.home.exists()
    assert [*place.home.parent.iterdir()] == []


def test_a_broken_backup_changes_nothing(place: Place, shelf: Path) -> None:
    """One without a database, with a broken one, or cut off: the home stays as it is and nothing lies around."""
    place.fill()
    whole = save(place.settings, shelf, quiet).path
    (shelf / "cut").write_bytes(whole.read_bytes()[:-2000])
    archive(shelf / "empty", [(entry("parts/home/pin.json"), b"{}")])
    archive(shelf / "odd", [(entry("parts/database.db"), b"no database")])
    before = place.files()
    for name in ("cut", "empty", "odd"):
        with pytest.raises(WrongSetting):
            restore(place.settings, shelf / name, quiet, force=True)
        assert {**place.files(), "node.lock": ""} == {**before, "node.lock": ""}
        assert [path.name for path in place.home.parent.iterdir()] == ["home"]
    with pytest.raises(NotFound):
        restore(place.settings, shelf / "missing", quiet, force=True)


@pytest.fixture
def url(postgresql_server: Server) -> Iterator[str]:
    """An empty PostgreSQL database."""
    with postgresql_server.database("backups") as url:
        yield url


def test_postgresql_is_saved_and_put_back(place: Place, shelf: Path, url: str) -> None:
    """Rows travel with the home; a database in use is refused, and with --force kept as a file beside the home."""
    place.monkeypatch.setenv("SHIFTBOOK_DATABASE_URL", url)
    here = place.fill()
    assert not (place.home / "shiftbook.db").exists()
    saved = save(place.settings, shelf, quiet)
    stores = wiring.stores(place.settings)
    stores.conversations.append(here, ConversationTurn(role="user", content="after"))
    stores.close()
    place.home = place.home.with_name("fresh")
    with pytest.raises(Refused, match="backups at 127"):
        restore(place.settings, saved.path, quiet, force=False)
    assert place.turns(here) == 2
    done = restore(place.settings, saved.path, quiet, force=True)
    assert place.turns(here) == 1
    assert done.database.startswith("backups at 127.0.0.1")
    (aside,) = done.aside
    assert aside.stat().st_mode & 0o777 == 0o600
    stores = wiring.stores(place.settings)
    stores.copies.load(aside)
    stores.close()
    assert place.turns(here) == 2


def test_a_backup_moves_between_databases(place: Place, shelf: Path, url: str) -> None:
    """Saved from SQLite, put back into PostgreSQL, saved from there, put back into SQLite: the same rows."""
    here = place.fill()
    first = save(place.settings, shelf / "1", quiet)
    place.monkeypatch.setenv("SHIFTBOOK_DATABASE_URL", url)
    restore(place.settings, first.path, quiet, force=True)
    assert not (place.home / "shiftbook.db").exists()
    assert place.turns(here) == 1
    second = save(place.settings, shelf / "2", quiet)
    place.monkeypatch.setenv("SHIFTBOOK_DATABASE_URL", f"sqlite:///{place.home / 'shiftbook.db'}")
    done = restore(place.settings, second.path, quiet, force=True)
    place.monkeypatch.delenv("SHIFTBOOK_DATABASE_URL")
    assert (place.turns(here), done.rows) == (1, first.rows)
    assert place.files() == FILES


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_servers_rows_go_into_no_sqlite_unasked(place: Place, shelf: Path, url: str, elsewhere: bool) -> None:
    """The `.env` of a backup without secrets lacks an address with a password: then a person says where they go."""
    place.home.mkdir(parents=True)
    (place.home / ".env").write_text(f"SHIFTBOOK_DATABASE_URL={url}\n")
    here = place.fill_rows()
    saved = backup.save(place.settings, shelf, quiet)
    assert saved.manifest.database_server.startswith("backups at 127.0.0.1")
    (place.home / ".env").unlink()
    if elsewhere:
        place.home = place.home.with_name("fresh")
    with pytest.raises(WrongSetting, match=r"the database is backups at 127.*moves it into this home"):
        backup.restore(place.settings, saved.path, quiet, force=True)
    assert place.home.exists() is not elsewhere
    place.monkeypatch.setenv("SHIFTBOOK_DATABASE_URL", f"sqlite:///{place.home / 'shiftbook.db'}")
    backup.restore(place.settings, saved.path, quiet, force=True)
    place.monkeypatch.delenv("SHIFTBOOK_DATABASE_URL")
    assert place.turns(here) == 1


def test_what_the_restored_settings_want_is_said_before_anything_changes(place: Place, shelf: Path) -> None:
    """A backup without secrets, of a node with a server of secrets: what opens that is not in it."""
    place.fill()
    saved = backup.save(place.settings, shelf, quiet)
    text = (
        "SHIFTBOOK_INFISICAL_URL=https://127.0.0.1:1\nSHIFTBOOK_INFISICAL_PROJECT=p\nSHIFTBOOK_INFISICAL_CLIENT_ID=c\n"
    )
    with_server = archive(
        shelf / "served", [(entry("parts/database.db"), b"x"), (entry("parts/home/.env"), text.encode())]
    )
    assert saved.path.exists()
    place.home = place.home.with_name("fresh")
    with pytest.raises(WrongSetting, match=r"CLIENT_SECRET: .*nothing was restored: .*set it for this command"):
        backup.restore(place.settings, with_server, quiet, force=False)
    assert not place.home.exists()


def test_the_restored_settings_name_the_database(place: Place, shelf: Path, url: str) -> None:
    """A home whose .env names PostgreSQL puts its rows back there, although nothing else says so."""
    place.home.mkdir(parents=True)
    (place.home / ".env").write_text(f"SHIFTBOOK_DATABASE_URL={url}\n")
    stores = wiring.stores(place.settings)
    here = stores.conversations.create("", "", "").id
    stores.close()
    saved = save(place.settings, shelf, quiet)
    stores = wiring.stores(place.settings)
    stores.conversations.delete(here)
    stores.close()
    place.home = place.home.with_name("fresh")
    done = restore(place.settings, saved.path, quiet, force=False)
    assert done.database.startswith("backups at")
    assert place.turns(here) == 0
    assert not (place.home / "shiftbook.db").exists()


def test_the_commands(place: Place, shelf: Path) -> None:
    """Both speak to people and to programs; a refusal is one line and its exit code."""
    place.fill()
    place.monkeypatch.setenv("SHIFTBOOK_BACKUP_TO", READER)
    opens = opened_by(shelf)
    done = place.shiftbook("backup", str(shelf), "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["node"] == "desk"
    assert {part["name"] for part in told["parts"]} == {"database.db", *(f"home/{name}" for name in FILES)}
    assert (Path(told["file"]).stat().st_size, told["format"]) == (told["bytes"], 1)
    plain = place.shiftbook("backup", str(shelf / "plain.tar.gz"))
    assert "8 files" in plain.stdout
    assert plain.stderr == ""
    refused = place.shiftbook("restore", told["file"], *opens)
    assert (refused.returncode, refused.stderr.count("\n")) == (4, 1)
    again = place.shiftbook("restore", told["file"], "--force", "--json", *opens)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["home"] == str(place.home)
    assert len(json.loads(again.stdout)["aside"]) == 1
    words = place.shiftbook("restore", str(shelf / "plain.tar.gz"), "--force", *opens).stdout
    assert "what was there before is kept in" in words


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "SHIFTBOOK_DATABASE_URL"),
        ("mysql://u:hush@h/d", "sqlite:///PATH or postgresql://"),
        ("postgresql://u:hush@127.0.0.1:1/d", "refused"),
        ("sqlite:////proc/1/x.db", "SHIFTBOOK_DATABASE_URL"),
    ],
)
def test_a_wrong_database_is_one_line(place: Place, shelf: Path, url: str, says: str) -> None:
    """Exit code 2, what is wrong, no traceback, no password."""
    place.fill()
    place.monkeypatch.setenv("SHIFTBOOK_DATABASE_URL", url)
    done = place.shiftbook("backup", str(shelf))
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert says in done.stderr
    assert "hush" not in done.stderr
    assert [*shelf.iterdir()] == []


def test_a_full_disk_leaves_nothing(place: Place, shelf: Path) -> None:
    """A backup that finds no room is one line, and no part of it stays."""
    place.fill()
    (place.home / "outbox" / "large").write_bytes(os.urandom(2_000_000))
    command = f"ulimit -f 1000; exec {sys.executable} -m orchestrator backup {shelf}"  # blocks of 1,024 bytes
    environment = {**os.environ, "SHIFTBOOK_HOME": str(place.home), "SHIFTBOOK_NODE_ID": "desk"}
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {command}"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no backup was written" in done.stderr
    assert [*shelf.iterdir()] == []


# -- who is let in -------------------------------------------------------------------------------------------------


def let_in(place: Place) -> None:
    """Two devices and two tokens."""
    stores = wiring.stores(place.settings)
    for number, name in enumerate(("lost", "kept")):
        scopes = frozenset({"look", "approvals"})
        pairing = Pairing(
            id=name,
            fleet="f",
            key="k",
            scopes=scopes,
            created=wiring.now(),
            expires=wiring.now(),
            state=PairingState.WAITING,
        )
        stores.pairings.add(pairing)
        device = PairedDevice(id=name, name=name, public_key=f"{number}", scopes=scopes, created=wiring.now())
        assert stores.pairings.confirm(name, device)
        stores.tokens.add(f"{name} token", f"digest {name}", ["look"])
    stores.close()


def who_is_in(place: Place) -> dict[str, frozenset[str]]:
    """Devices and tokens that count now, with their scopes."""
    stores = wiring.stores(place.settings)
    found = {each.name: each.scopes for each in stores.paired.listing() if each.revoked is None}
    found |= {each.name: each.scopes for each in stores.tokens.listing() if each.revoked is None}
    stores.close()
    return found


def test_a_restore_lets_nobody_in_who_was_revoked_since(place: Place, shelf: Path) -> None:
    """A lost phone, a token that leaked, and a scope that was taken away: all stay as a person said last."""
    place.fill()
    let_in(place)
    saved = save(place.settings, shelf, quiet)
    stores = wiring.stores(place.settings)
    assert stores.paired.revoke("lost")
    assert stores.tokens.revoke("lost token")
    stores.paired.change("kept", scopes=["look"])
    stores.close()
    done = place.shiftbook("restore", str(saved.path), "--force", *opened_by(shelf))
    assert done.returncode == 0, done.stderr
    left = who_is_in(place)
    assert left == {"kept": frozenset({"look"}), "kept token": frozenset({"look"}), "laptop": frozenset({"chat"})}
    assert "the device 'lost' stays revoked" in done.stdout
    assert "the token 'lost token' stays revoked" in done.stdout
    assert "the device 'kept' may do what it might before" in done.stdout
    assert "is let in again" not in done.stdout


@pytest.mark.parametrize("damaged", [False, True])
def test_a_restore_says_where_nobody_can_tell_who_was_revoked(
    place: Place, shelf: Path, tmp_path: Path, damaged: bool
) -> None:
    """On a new machine, and where the database is what was lost: the backup comes back, with the next step."""
    place.fill()
    let_in(place)
    saved = save(place.settings, shelf, quiet)
    if damaged:
        for path in place.home.glob("shiftbook.db*"):
            path.unlink()
        (place.home / "shiftbook.db").write_bytes(b"no database" * 1000)
    else:
        place.home = tmp_path / "other" / "home"
        place.home.parent.mkdir()
    done = place.shiftbook("restore", str(saved.path), "--force", *opened_by(shelf))
    assert done.returncode == 0, done.stderr
    assert "`shiftbook device list`" in done.stdout
    assert {"lost", "kept"} <= set(who_is_in(place))
