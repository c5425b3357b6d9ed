"""Is a setting in the home folder's .env where it was not set, and is nothing else there touched?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.app.machine_settings import add_settings
from orchestrator.core.environment import load_settings
from orchestrator.core.settings import Settings

URL = "https://hq.example/x.git"


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# SHIFTBOOK_LEDGER=/srv/example.git\n",
        "SHIFTBOOK_LEDGER=\n",
        "OLD_SHIFTBOOK_LEDGER=/srv/old.git",
        'NOTE="say SHIFTBOOK_LEDGER=x to change it"\n',
    ],
)
def test_what_is_not_set_is_written(tmp_path: Path, before: str) -> None:
    """A comment, an empty variable and another one's name set nothing; all that stood there stays."""
    (tmp_path / ".env").write_text(before)
    assert add_settings(Settings(home=tmp_path), {"SHIFTBOOK_LEDGER": URL})
    assert load_settings(home=tmp_path).ledger == URL
    assert (tmp_path / ".env").read_text().startswith(before)


@pytest.mark.parametrize("line", ["SHIFTBOOK_LEDGER=/srv/mine.git", "export SHIFTBOOK_LEDGER='/srv/mine.git'"])
def test_what_is_set_stays(tmp_path: Path, line: str) -> None:
    """What a person has set is theirs."""
    (tmp_path / ".env").write_text(line)
    assert not add_settings(Settings(home=tmp_path), {"SHIFTBOOK_LEDGER": URL})
    assert (tmp_path / ".env").read_text() == line


@pytest.mark.parametrize("value", ["/srv/my ledger #2.git", "/srv/it's.git", 'C:\\x\\"y".git', "/srv/ends-with\\"])
def test_odd_values(tmp_path: Path, value: str) -> None:
    """A folder's name with a space, a quote or a # is read back as it is."""
    add_settings(Settings(home=tmp_path), {"SHIFTBOOK_LEDGER": value})
    assert load_settings(home=tmp_path).ledger == value
