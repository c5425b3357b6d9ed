"""Where do settings come from, and where do they not? Real files, a real working folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.core.environment import load_settings
from orchestrator.core.errors import WrongSetting
from orchestrator.core.roles import Role
from orchestrator.core.settings import SETTING_NAMES, default_home, variable


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a `.env`, beside a working folder, and nothing of this machine's own settings."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_"))]:
        monkeypatch.delenv(name)
    for folder in ("home", "work"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    text = "SHIFTBOOK_LEDGER=https://hq.example/git/fleet.git\nSHIFTBOOK_GIT_TOKEN=sbk_secret\n"
    (tmp_path / "home" / ".env").write_text(text)
    return tmp_path / "home"


def test_the_home_outranks_the_working_folder_and_the_environment_both(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a variable that several name the environment's word counts, then the home's; others are taken in."""
    Path(".env").write_text("SHIFTBOOK_LEDGER=https://evil.example/x.git\nSHIFTBOOK_SLOTS=3\nSHIFTBOOK_BRANCH=b\n")
    found = load_settings()
    assert (found.ledger, found.slots, found.branch) == ("https://hq.example/git/fleet.git", 3, "b")
    monkeypatch.setenv("SHIFTBOOK_LEDGER", "here")
    assert load_settings().ledger == "here"


@pytest.mark.parametrize("mark", ["a folder", "a file"])
@pytest.mark.parametrize("below", [".", "missions/archive"])
def test_a_work_trees_env_is_nobodys_word(home: Path, monkeypatch: pytest.MonkeyPatch, mark: str, below: str) -> None:
    """Whoever may push put it there: it names no server for this machine's tokens and no other home, anywhere in it."""
    monkeypatch.delenv("SHIFTBOOK_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    Path(".git").mkdir() if mark == "a folder" else Path(".git").write_text("gitdir: ../elsewhere\n")
    Path(below).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(below)
    Path("own").mkdir()
    Path(".env").write_text(
        "SHIFTBOOK_HOME=own\nSHIFTBOOK_OPENAI_URL=https://evil.example\nFACTORY_ROLE=HEADQUARTERS\n"
    )
    found = load_settings()
    assert (found.home, found.openai_url, found.role) == (default_home(), "", Role.LOCAL_WORKER)


def test_a_home_in_a_work_tree_is_still_this_machines_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the working folder's is passed over, also where both are the same."""
    (home / ".git").mkdir()
    monkeypatch.chdir(home)
    assert load_settings().git_token.get_secret_value() == "sbk_secret"


def test_other_programs_variables_are_not_ours(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting has the one name that the documents give it, in the environment and in files."""
    monkeypatch.delenv("SHIFTBOOK_HOME")
    for name in ("HOME", "BRANCH", "MODEL", "LEDGER", "THREADS"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    Path(".env").write_text("SLOTS=7\nrate=7\nOLLAMA_HOST=there\n")
    found = load_settings()
    assert (found.home, found.branch, found.model, found.ledger) == (home / "shiftbook", "main", "", "")
    assert (found.threads, found.slots, found.rate, found.ollama_host) == (0, 1, 600, "there")
    assert load_settings(home=home).home == home


def test_a_wrong_value_names_its_variable(home: Path) -> None:
    """In the home's file as in the environment."""
    (home / ".env").write_text("SHIFTBOOK_SLOTS=many\n")
    with pytest.raises(WrongSetting, match="SHIFTBOOK_SLOTS"):
        load_settings()


def test_names_in_small_letters_and_variables_without_a_value(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name's letters may be small, in the environment and in files; what is empty says nothing and hides nothing."""
    (home / ".env").write_text("shiftbook_branch=b\nSHIFTBOOK_SLOTS=3\nSHIFTBOOK_RATE\n")
    monkeypatch.setenv("SHIFTBOOK_SLOTS", "")
    monkeypatch.setenv("shiftbook_context", "600")
    found = load_settings()
    assert (found.branch, found.slots, found.context, found.rate) == ("b", 3, 600, 600)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (
            "SHIFTBOOK_SLOTS",
            "many",
            "input should be a valid integer, unable to parse string as an integer, not 'many'",
        ),
        ("SHIFTBOOK_SLOTS", "0", "input should be greater than or equal to 1, not '0'"),
        (
            "SHIFTBOOK_WATCH_PULL",
            "perhaps",
            "input should be a valid boolean, unable to interpret input, not 'perhaps'",
        ),
        ("SHIFTBOOK_HTTP", "here", "write host:port, such as 127.0.0.1:8823 or [::1]:8823, or off, not 'here'"),
        ("SHIFTBOOK_HQ_URL", "hq", "write a web address, such as https://hq.example:8823, not 'hq'"),
        (
            "SHIFTBOOK_AGENTS",
            "claud",
            "name some of aider, claude, codex, copilot, gemini, opencode, qwen, separated by commas, not 'claud'",
        ),
        (
            "LLM_PROVIDER_OVERRIDE",
            "gpt",
            "name one of embedded, llama-cpp-python, llamacpp, ollama, openai, xllamacpp, not 'gpt'",
        ),
    ],
)
def test_an_error_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    """The variable, what is wrong, and what was written, in the environment as from code."""
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSetting) as raised:
        load_settings()
    assert str(raised.value) == f"{name}: {says}"
    monkeypatch.delenv(name)
    with pytest.raises(WrongSetting, match=name):
        load_settings(**{field: value for field in SETTING_NAMES if variable(field) == name})


def test_what_code_says_outranks_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option of a command wins over the environment and both files."""
    monkeypatch.setenv("SHIFTBOOK_LEDGER", "here")
    assert load_settings(ledger="there", slots=2).ledger == "there"


def test_a_file_of_another_encoding_is_one_line(home: Path) -> None:
    """It names the file and where, and not what stands there."""
    path = home / ".env"
    path.write_bytes(b"SHIFTBOOK_SLOTS=2\nSHIFTBOOK_GIT_TOKEN=sbk_\xe4\n")
    with pytest.raises(WrongSetting, match=r"\.env: its byte 43 is no UTF-8") as caught:
        load_settings()
    assert "sbk_" not in str(caught.value)
