"""A token for a ledger over HTTP is shown to its server and kept nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.app import setup
from orchestrator.core.errors import WrongSetting
from orchestrator.core.settings import Settings
from sync.git import bearer_environment


@pytest.mark.parametrize("url", ["https://ada:secret@hq.example/git/x.git", "http://:secret@hq.example/git/x.git"])
def test_a_url_with_a_password_is_refused(tmp_path: Path, url: str) -> None:
    """git would write it into the clone's settings; the message does not repeat it, and nothing was made."""
    settings = Settings(home=tmp_path / "home")
    for begin in (
        lambda: setup.join(url, tmp_path / "clone", settings),
        lambda: setup.init(tmp_path / "clone", settings, remote=url),
    ):
        with pytest.raises(WrongSetting, match="holds a password") as raised:
            begin()
        assert "secret" not in str(raised.value)
    assert (
        not (tmp_path / "clone" / ".git" / "config").exists()
        or "secret" not in (tmp_path / "clone" / ".git" / "config").read_text()
    )


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://hq.example:8823/git/x.git", "http.https://hq.example:8823/.extraHeader"),
        ("http://127.0.0.1:1/git/x.git", "http.http://127.0.0.1:1/.extraHeader"),
        ("ssh://hq.example/x.git", None),
        ("/srv/x.git", None),
        ("hq.example:x.git", None),
    ],
)
def test_a_token_goes_to_its_server_only(url: str, key: str | None) -> None:
    """And stands in no command line: the setting is bound to scheme, host and port of the URL."""
    assert bearer_environment(url, "sbk_x").get("GIT_CONFIG_KEY_0") == key
    assert bearer_environment(url, "") == {}


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    """Not when they are printed."""
    shown = repr(Settings(home=tmp_path, git_token="sbk_1", hq_token="sbk_2", hook_secret="sbk_3"))
    assert "sbk_" not in shown


def test_an_address_of_headquarters_is_a_web_address(tmp_path: Path) -> None:
    """Anything else is one line that names the setting."""
    with pytest.raises(ValueError, match="web address"):
        Settings(home=tmp_path, hq_url="hq.example")
