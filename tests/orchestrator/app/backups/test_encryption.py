"""Facts about secrets in backups: none in one that anybody can read, all in one that a key opens."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pyrage
import pytest

from orchestrator.app.backups import backup, encryption
from orchestrator.app.backups.env_secrets import secret_lines, without_secrets
from orchestrator.app.backups.home_copy import is_backup_part
from orchestrator.app.backups.retention import drop_older
from orchestrator.app.backups.secret_parts import is_private
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.core.settings import secret_variables
from tests.conftest import require_program
from tests.orchestrator.app.backups.test_archive import quiet
from tests.orchestrator.app.backups.test_backup import FILES, IDENTITY, READER, Place, place, shelf  # noqa: F401

ENV = (
    "# mine\nSHIFTBOOK_LEDGER=/somewhere\nexport SHIFTBOOK_GIT_TOKEN='sbk_one'\nSHIFTBOOK_SLOTS=2\n"
    'SHIFTBOOK_NOTIFY="mailto://u:hush@h\nsecond line"\nshiftbook_hq_token=sbk_two\nHF_TOKEN=\n'
)
SECRET_WORDS = ("private", "sbk_one", "hush", "second line", "sbk_two")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The private key of READER."""
    path = tmp_path / "age.key"
    path.write_text(f"# created: today\n{IDENTITY}\n")
    return path


def filled(place: Place) -> None:  # noqa: F811
    place.fill()
    (place.home / ".env").write_text(ENV)
    (place.home / "tls").mkdir()
    for name in ("tls/root.key", "tls/root.crt", "keys/node.pub"):
        (place.home / name).write_text("private" if name.endswith(".key") else "public")


def unpacked(file: Path) -> str:
    """Every word of an archive, the database included."""
    with tarfile.open(file) as tar:
        parts = filter(None, map(tar.extractfile, tar))
        return "".join(part.read().decode(errors="replace") for part in parts)


def test_a_plain_backup_holds_no_secret(place: Place, shelf: Path, tmp_path: Path) -> None:  # noqa: F811
    """No private key, no line of `.env` that sets one; all the rest of it; and how many lack is said."""
    filled(place)
    saved = backup.save(place.settings, shelf, quiet)
    words = unpacked(saved.path)
    assert not [word for word in SECRET_WORDS if word in words]
    assert "# mine\nSHIFTBOOK_LEDGER=/somewhere\nSHIFTBOOK_SLOTS=2\nHF_TOKEN=\n" in words
    names = {part.name for part in saved.manifest.parts}
    assert {"home/keys/node.pub", "home/tls/root.crt", "home/outbox/fix-1.json"} <= names
    assert (saved.manifest.secrets, saved.secrets_left_out) == (False, 6)


def test_a_restore_here_takes_the_secrets_that_are_here(place: Place, shelf: Path) -> None:  # noqa: F811
    """On the same machine nothing lacks after it; elsewhere what lacks is known."""
    filled(place)
    saved = backup.save(place.settings, shelf, quiet)
    done = backup.restore(place.settings, saved.path, quiet, force=True)
    assert done.carried == 6
    assert place.files()["keys/node"] == "private"
    assert (place.home / "keys" / "node").stat().st_mode & 0o777 == 0o600
    after = place.settings
    assert (after.git_token.get_secret_value(), after.hq_token.get_secret_value()) == ("sbk_one", "sbk_two")
    assert after.notify.get_secret_value() == "mailto://u:hush@h\nsecond line"
    assert (place.home / ".env").stat().st_mode & 0o777 == 0o600
    place.home = place.home.with_name("fresh")
    assert backup.restore(place.settings, saved.path, quiet, force=False).carried == 0
    assert not (place.home / "keys" / "node").exists()


def test_keys_that_were_rotated_since_stay_whole_pairs(place: Place, shelf: Path) -> None:  # noqa: F811
    """The public halves are those of here as well, not the backup's; one that only the backup has stays."""
    filled(place)
    (place.home / "keys" / "gone.pub").write_text("public")
    saved = backup.save(place.settings, shelf, quiet)
    for name in ("keys/node", "keys/node.pub", "tls/root.key", "tls/root.crt"):
        (place.home / name).write_text(f"new {name}")
    (place.home / "keys" / "gone.pub").unlink()
    (place.home / "keys" / "node.until-20261101T000000Z").write_text("old")
    backup.restore(place.settings, saved.path, quiet, force=True)
    found = place.files()
    for name in ("keys/node", "keys/node.pub", "tls/root.key", "tls/root.crt"):
        assert found[name] == f"new {name}"
    assert (found["keys/node.until-20261101T000000Z"], found["keys/gone.pub"]) == ("old", "public")


def test_another_nodes_backup_gets_no_key_of_this_machine(place: Place, shelf: Path) -> None:  # noqa: F811
    """Two machines would be one node; the keys that were here lie in the home that is kept, and it is said."""
    filled(place)
    place.monkeypatch.setenv("SHIFTBOOK_NODE_ID", "other")
    saved = backup.save(load_settings(home=place.home), shelf, quiet)
    assert saved.manifest.node == "other"
    done = place.shiftbook("restore", str(saved.path), "--force")
    assert done.returncode == 0, done.stderr
    assert "its keys are not other's and were not taken" in done.stdout
    assert "0 of this machine's own were taken over" in done.stdout
    assert not (place.home / "keys" / "node").exists()
    assert not [word for word in SECRET_WORDS if word in place.files()[".env"]]


def test_a_browsers_profile_is_in_no_backup(place: Place, shelf: Path) -> None:  # noqa: F811
    """It is large and holds a device's private key; an older backup that has one is still put back."""
    filled(place)
    for name in ("desktop", "desktop-browser"):
        (place.home / name).mkdir()
        (place.home / name / "key").write_text("hush")
    for to in ([], [READER]):
        saved = backup.save(place.settings, shelf, quiet, to=to)
        assert not [part.name for part in saved.manifest.parts if "desktop" in part.name]
    assert is_backup_part("home/desktop/Default/Cookies")


def test_an_encrypted_one_holds_all(place: Place, shelf: Path, key: Path) -> None:  # noqa: F811
    """For nobody without the key; nothing of it lies in the clear beside it, nor in the home."""
    filled(place)
    before = place.files()
    saved = backup.save(place.settings, shelf, quiet, to=[READER])
    assert saved.path.name.endswith(".tar.gz.age")
    assert saved.path.read_bytes().startswith(encryption.HEADER)
    assert b"private" not in saved.path.read_bytes()
    assert saved.path.stat().st_mode & 0o777 == 0o600
    assert [*shelf.iterdir()] == [saved.path]
    assert place.files() == before
    place.home = place.home.with_name("fresh")
    done = backup.restore(place.settings, saved.path, quiet, force=False, identity=key)
    assert {name: place.files()[name] for name in FILES} == {name: before[name] for name in FILES}
    assert place.files()[".env"] == ENV
    assert done.carried == 0
    assert [path.name for path in place.home.parent.iterdir() if path.name.startswith(".")] == []


def test_who_opens_it(place: Place, shelf: Path, tmp_path: Path, key: Path) -> None:  # noqa: F811
    """Each of those named, also with an ssh key that they have; nobody else; and one line says so."""
    filled(place)
    require_program("ssh-keygen")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "ssh")], check=True)
    ssh = (tmp_path / "ssh.pub").read_text().strip()
    saved = backup.save(place.settings, shelf, quiet, to=[READER, ssh])
    for opens in (key, tmp_path / "ssh"):
        assert backup.restore(place.settings, saved.path, quiet, force=True, identity=opens).rows == saved.rows
    stranger = tmp_path / "stranger"
    stranger.write_text(str(pyrage.x25519.Identity.generate()))
    (tmp_path / "empty").write_text("# nothing\n")
    before = place.files()
    for wrong, why in (
        (None, "it is encrypted: --identity"),
        (stranger, "does not open it"),
        (tmp_path / "empty", "holds no key"),
        (tmp_path / "nowhere", "no usable private key"),
        (tmp_path / "ssh.pub", "no usable private key"),
    ):
        with pytest.raises(WrongSetting, match=why) as caught:
            backup.restore(place.settings, saved.path, quiet, force=True, identity=wrong)
        assert "\n" not in str(caught.value)
    assert place.files() | {"node.lock": ""} == before | {"node.lock": ""}


@pytest.mark.parametrize("cut", [30, 2000])
def test_a_damaged_one_changes_nothing(place: Place, shelf: Path, key: Path, cut: int) -> None:  # noqa: F811
    """Cut off, or with a flipped byte: it is authenticated as a whole before anything is put anywhere."""
    filled(place)
    saved = backup.save(place.settings, shelf, quiet, to=[READER])
    whole = saved.path.read_bytes()
    (shelf / "cut").write_bytes(whole[:-cut])
    (shelf / "flipped").write_bytes(whole[:-cut] + bytes([whole[-cut] ^ 1]) + whole[-cut + 1 :])
    before = place.files()
    for name in ("cut", "flipped"):
        with pytest.raises(WrongSetting, match="does not open it, or it is damaged"):
            backup.restore(place.settings, shelf / name, quiet, force=True, identity=key)
    assert place.files() | {"node.lock": ""} == before | {"node.lock": ""}


@pytest.mark.parametrize("word", ["", "age1nonsense", "someone@example.org", "ssh-ed25519 AAAA", str(IDENTITY)])
def test_a_word_that_names_nobody(place: Place, shelf: Path, word: str) -> None:  # noqa: F811
    """Refused before anything is written; a private key in its place is not repeated."""
    filled(place)
    with pytest.raises(WrongSetting, match="names nobody") as caught:
        backup.save(place.settings, shelf, quiet, to=[word])
    assert str(IDENTITY) not in str(caught.value)
    assert [*shelf.iterdir()] == []


def test_age_itself_opens_it(place: Place, shelf: Path, key: Path, tmp_path: Path) -> None:  # noqa: F811
    """The program of that name, without any of ours."""
    program = require_program("age")
    filled(place)
    saved = backup.save(place.settings, shelf, quiet, to=[READER])
    out = tmp_path / "out.tar.gz"
    subprocess.run([program, "-d", "-i", str(key), "-o", str(out), str(saved.path)], check=True)
    assert "sbk_one" in unpacked(out)


def test_every_secret_setting_is_left_out() -> None:
    """Whichever variables are secrets, now and later; URLs only where they hold a password."""
    urls = {"SHIFTBOOK_DATABASE_URL", "SHIFTBOOK_REDIS_URL"}
    words = "".join(f"{name}=x\n" for name in sorted(secret_variables() - urls))
    assert without_secrets(words) == ("", len(secret_variables() - urls))
    kept = "SHIFTBOOK_DATABASE_URL=postgresql:///fleet?host=/run/postgresql\n"
    assert without_secrets(kept + "SHIFTBOOK_REDIS_URL=rediss://u:p@h/0\n") == (kept, 1)


@pytest.mark.parametrize(
    "words",
    [
        "# SHIFTBOOK_GIT_TOKEN=hush\n",
        "#shiftbook_git_token = hush\n",
        "# once https://me:hush@git.example/x\n",
        'SHIFTBOOK_GIT_TOKEN="hush\n',
        'SHIFTBOOK_NOTIFY="mailto://u:x@h\nhush\n',
        'SHIFTBOOK_NOTIFY="mailto://u:x@h\nMORE=hush\n# hush\n',
        "SHIFTBOOK_GIT_TOKEN='hush' and more\n",
        "SHIFTBOOK_DATABASE_URL=postgresql://h/d?user=u&password=hush\n",
        "SHIFTBOOK_DATABASE_URL=postgresql://u:hu/sh@h/d\n",
        "SHIFTBOOK_REDIS_URL=rediss://:hush@h/0\n",
        "BASE=hush\nSHIFTBOOK_GIT_TOKEN=${BASE}\n",
        "A=hush\nB=${A}\nSHIFTBOOK_GIT_TOKEN=${B:-x}\n",
        "CREDS=u:hush\nSHIFTBOOK_LEDGER=https://${CREDS}@h/x\n",
        "SHIFTBOOK_LEDGER=https://hush@git.example/fleet.git\n",
        "SHIFTBOOK_SYNC_PEERS=https://a,https://u:hush@b\n",
        "SHIFTBOOK_OPENAI_URL=https://u:hu,sh@h/v1\n",
        "SHIFTBOOK_OPENAI_URL=https://u:hu/sh@h/v1\n",
        "SHIFTBOOK_OPENAI_URL=https://h/v1?api_key=hush\n",
        "ANTHROPIC_API_KEY=hush\n",
        "export password=hush\n",
    ],
)
def test_a_secret_that_hides_in_a_line_is_left_out(words: str) -> None:
    """In comments, broken quotes, URLs of any setting, parts of which one is made, other programs' variables."""
    before, after = "SHIFTBOOK_SLOTS=2\n", "SHIFTBOOK_NODE_ID=desk\n"
    kept, left = without_secrets(before + words + after)
    assert "hush" not in kept.replace("hu,sh", "hush").replace("hu/sh", "hush")
    assert left
    assert kept.startswith(before)
    assert kept.endswith(after)


@pytest.mark.parametrize(
    "words",
    [
        "# mine: ask https://docs.example/x#top\n\n",
        "SHIFTBOOK_LEDGER=ssh://git@host:2222/fleet.git\nSHIFTBOOK_PEERS=http://[::1]:8080,http://b:1/v1\n",
        "ROOT=/srv\nSHIFTBOOK_LEDGER=${ROOT}/fleet.git\n",
        "SHIFTBOOK_DATABASE_URL=postgresql://me@h/d\nSHIFTBOOK_REDIS_URL=redis://127.0.0.1:6379/0\nHF_TOKEN=\n",
    ],
)
def test_what_is_no_secret_is_kept_to_the_byte(words: str) -> None:
    """Settings, what they refer to, comments, users without a password."""
    assert without_secrets(words) == (words, 0)


def test_what_was_left_out_is_what_comes_from_here_again() -> None:
    """In its order, so that what is made of another line still is; comments and broken lines set nothing."""
    words = "# SHIFTBOOK_GIT_TOKEN=x\nBASE=hush\nSHIFTBOOK_SLOTS=2\n\nSHIFTBOOK_GIT_TOKEN=${BASE}\nX='\n"
    assert secret_lines(words) == ("BASE=hush", "SHIFTBOOK_GIT_TOKEN=${BASE}")


def test_which_files_are_private() -> None:
    """Keys and what lies with them; not their public halves, not what only sounds like it."""
    private = ["keys/node", "keys/ops.key", "keys/a/b", "tls/root.key"]
    others = ["keys/node.pub", "tls/root.crt", "outbox/keys", "pin.json", "keyring/x"]
    assert [name for name in private + others if is_private(name)] == private


def test_older_ones_go_whether_encrypted_or_not(tmp_path: Path) -> None:
    """`--keep` counts both kinds."""
    names = [f"shiftbook-desk-2026112{n}T071500Z.tar.gz{'.age' * (n % 2)}" for n in range(4)]
    for name in (*names, "shiftbook-desk-20261121T071500Z.tar.gz.gpg"):
        (tmp_path / name).write_text("x")
    gone = drop_older(tmp_path / names[3], "desk", 2)
    assert sorted(path.name for path in gone) == names[:2]


def test_a_backup_never_replaces_another_one(place: Place, shelf: Path) -> None:  # noqa: F811
    """Encrypted or not."""
    filled(place)
    (shelf / "mine").write_text("x")
    with pytest.raises(Refused):
        backup.save(place.settings, shelf / "mine", quiet, to=[READER])
    assert (shelf / "mine").read_text() == "x"
