"""Does `shiftbook doctor` see secrets that others on this machine can read?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.app.doctor import secret_checks
from orchestrator.app.doctor.check_result import CheckStatus
from orchestrator.app.doctor.secret_checks import check_backups, check_secret_server, check_secrets
from orchestrator.core.own_installation import extra_command
from orchestrator.core.roles import Role
from orchestrator.core.settings import SETTING_NAMES, Settings, is_secret, secret_variables, variable


@pytest.fixture(autouse=True)
def everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that everybody may enter, as far as the check looks; and no credentials of the machine's own."""
    monkeypatch.setattr(secret_checks, "CREDENTIALS", tmp_path / "credentials")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() and not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)
    return tmp_path


def test_every_secret_is_known() -> None:
    """A setting whose type says that it is secret is looked for."""
    secret = {variable(name) for name in SETTING_NAMES if is_secret(name)}
    assert secret == secret_variables() - {"SHIFTBOOK_DATABASE_URL"}


@pytest.mark.parametrize(
    "where", [".env", "keys/node", "tls/node.key", "shiftbook.db", "../credentials/SHIFTBOOK_GIT_TOKEN"]
)
def test_world_readable(everybodys: Path, where: str) -> None:
    """Each file with a secret is named with what to do, and no longer once that was done."""
    home = everybodys / "home"
    path = home / where
    path.parent.mkdir(parents=True)
    home.mkdir(exist_ok=True)
    path.write_text("SHIFTBOOK_GIT_TOKEN=sbk_x\n", encoding="utf-8")
    path.chmod(0o644)
    found = check_secrets(Settings(home=home))
    assert found.health is CheckStatus.POOR
    assert path.name in found.says
    assert found.remedy.startswith("chmod go= ")
    assert "sbk_x" not in found.says + found.remedy
    path.chmod(0o600)
    assert check_secrets(Settings(home=home)).health is CheckStatus.GOOD
    path.chmod(0o644)
    path.parent.chmod(0o700)
    assert check_secrets(Settings(home=home)).health is CheckStatus.GOOD


def test_no_secret(everybodys: Path) -> None:
    """What holds no secret may be read: settings, and public keys."""
    home = everybodys / "home"
    (home / "keys").mkdir(parents=True)
    (home / "tls").mkdir()
    for path, text in (
        (home / ".env", "SHIFTBOOK_SLOTS=2\nHF_TOKEN=\n"),
        (home / "keys/node.pub", "ssh-ed25519 x"),
        (home / "tls/node.crt", "x"),
    ):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    assert check_secrets(Settings(home=home)).health is CheckStatus.GOOD


def test_a_server_of_secrets(everybodys: Path) -> None:
    """Whether it gave them; nothing is said where there is none."""
    assert [*check_secret_server(Settings(home=everybodys))] == []
    there = Settings(home=everybodys, infisical_url="https://secrets.example")
    (good,) = check_secret_server(there)
    (poor,) = check_secret_server(there.without("it does not answer; this worker goes on without"))
    assert (good.health, poor.health) == (CheckStatus.GOOD, CheckStatus.POOR)
    assert "goes on without" in poor.says
    assert poor.remedy


# -- backups -----------------------------------------------------------------------------------------------------------

READER = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def test_headquarters_whose_backups_hold_no_keys_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to set and to install; well with both, and with what is set alone no backup is made, which is said, too."""
    (plain,) = check_backups(Settings(home=tmp_path, role=Role.HEADQUARTERS))
    assert (plain.health, "hold no keys" in plain.says) == (CheckStatus.POOR, True)
    assert "SHIFTBOOK_BACKUP_TO" in plain.remedy
    assert extra_command("age") in plain.remedy
    sealed = Settings(home=tmp_path, role=Role.HEADQUARTERS, backup_to=(READER,))
    assert [each.health for each in check_backups(sealed)] == [CheckStatus.GOOD]
    monkeypatch.setattr(secret_checks, "find_spec", lambda _name: None)
    (lacking,) = check_backups(sealed)
    assert (lacking.health, "none is made" in lacking.says) == (CheckStatus.POOR, True)


def test_nobody_asks_a_worker_for_backups(tmp_path: Path) -> None:
    """What it has is disposable."""
    assert [*check_backups(Settings(home=tmp_path, role=Role.LOCAL_WORKER))] == []
