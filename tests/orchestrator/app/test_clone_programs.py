"""What a clone starts is this program, or doctor says so and init mends it in words."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from orchestrator.app import clone_programs, setup
from orchestrator.app.doctor import clone_checks
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.core.environment import load_settings
from sync.git import Git
from tests.orchestrator.clones import git

ELSEWHERE = "/opt/old/bin/python"


@pytest.fixture
def clone(two_fleets: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of this machine's fleet, in which the person stands."""
    monkeypatch.chdir(two_fleets / "one")
    return two_fleets / "one"


def checked() -> dict[str, CheckResult]:
    """What doctor says, by what it is about."""
    return {one.what: one for one in clone_checks.check_clones(load_settings())}


def hook(folder: Path) -> Path:
    """The hook of a clone."""
    return folder / ".git" / "hooks" / "pre-push"


def moved_program(folder: Path, program: str) -> None:
    """Has hook and driver start another program than this one."""
    driver = git(folder, "config", clone_programs.DRIVER_KEY)
    git(folder, "config", clone_programs.DRIVER_KEY, driver.replace(sys.executable, program))
    hook(folder).write_text(hook(folder).read_text("utf-8").replace(sys.executable, program), encoding="utf-8")


def test_a_fresh_clone_is_good(clone: Path) -> None:
    """After init both start this program, and a second init has nothing to do."""
    assert {(what, one.health) for what, one in checked().items()} == {
        ("merge driver", CheckStatus.GOOD),
        ("pre-push hook", CheckStatus.GOOD),
    }
    again = setup.init(clone, load_settings())
    assert (again.done, again.mended) == ((), ())


def test_a_program_that_is_gone_is_told_and_mended(clone: Path) -> None:
    """Doctor names the program and what mends it, and is content afterwards; init says what it mended."""
    moved_program(clone, ELSEWHERE)
    found = checked()
    for one in found.values():
        assert one.health is CheckStatus.POOR
        assert f"it starts {ELSEWHERE}, which is gone; " in one.says
        assert one.remedy == f"`shiftbook init {clone}` sets it up again"
    again = setup.init(clone, load_settings())
    assert again.done == ()
    assert again.mended == tuple(f"mended the {what}: it starts {ELSEWHERE}, which is gone" for what in found)
    assert {one.health for one in checked().values()} == {CheckStatus.GOOD}


def test_a_program_elsewhere_is_told_too(clone: Path) -> None:
    """What was installed elsewhere since is there, and is not the one that runs."""
    other = shutil.which("sh") or ""
    moved_program(clone, other)
    assert {one.says for one in checked().values()} == {f"{clone}: it starts {other}, which is not this program"}


def test_what_is_not_there_or_not_executable_is_told(clone: Path) -> None:
    """Git passes over a hook that may not be run, without a word."""
    hook(clone).chmod(0o644)
    assert "it is not executable" in checked()["pre-push hook"].says
    hook(clone).unlink()
    git(clone, "config", "--unset", clone_programs.DRIVER_KEY)
    assert {one.says.partition("; ")[0] for one in checked().values()} == {f"{clone}: there is none"}
    assert setup.init(clone, load_settings()).mended == (
        "mended the merge driver: there is none",
        "mended the pre-push hook: there is none",
    )
    assert hook(clone).stat().st_mode & 0o111


def test_older_words_of_ours_are_told(clone: Path) -> None:
    """A hook with our mark and no line that starts anything was written by another version."""
    hook(clone).write_text(f"#!/bin/sh\n{clone_programs.HOOK_MARK}\nold\n", encoding="utf-8")
    assert "another version of this program wrote it" in checked()["pre-push hook"].says


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_persons_own_hook_is_no_fault(clone: Path, elsewhere: bool) -> None:
    """It is said that nobody looks before a push, and init leaves it."""
    if elsewhere:
        git(clone, "config", "core.hooksPath", "own-hooks")
    else:
        hook(clone).write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    assert checked()["pre-push hook"].health is CheckStatus.ABSENT
    assert setup.init(clone, load_settings()).mended == ()


def test_a_clone_that_was_moved_is_mended_in_words(clone: Path) -> None:
    """Where commits are checked against a file at the old place, init says which setting it put right."""
    git(clone, "config", "gpg.ssh.allowedSignersFile", "/old/allowed_signers")
    mended = setup.init(clone, load_settings()).mended
    assert mended == ("mended git's setting gpg.ssh.allowedsignersfile: it was /old/allowed_signers",)


def test_another_persons_clone_is_not_looked_at(two_fleets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only clones of the fleet that the settings name."""
    monkeypatch.chdir(two_fleets / "two")
    assert checked() == {}
    assert list(clone_programs.clone_programs(Git(two_fleets / "two"), two_fleets / "two", "main"))
