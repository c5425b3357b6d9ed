"""Is a file of the machine changed only if it is ours, and is what a person wrote into it kept?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.app.deployment import plan
from orchestrator.app.deployment.hardening import EVERYWHERE, EXEMPTIONS, PLAIN, SYSTEM, node_lines, plain_lines
from orchestrator.app.deployment.layout import Deployment
from orchestrator.app.deployment.managed_files import FileState, ManagedFile, below
from orchestrator.core.errors import Refused, WrongSetting

PATH = Path("/etc/systemd/system/shiftbook.service")
OURS = ManagedFile(path=PATH, body="[Unit]\n", hint="write into shiftbook.service.d/")


def test_a_file_in_each_of_its_states(tmp_path: Path) -> None:
    """Absent, as wanted, of an older version, edited since, somebody else's."""
    at = below(tmp_path, PATH)
    assert (OURS.state(tmp_path), OURS.read(tmp_path)) == (FileState.ABSENT, None)
    OURS.write(tmp_path)
    assert OURS.state(tmp_path) is FileState.SAME
    assert at.stat().st_mode & 0o777 == 0o644
    newer = ManagedFile(path=PATH, body="[Unit]\nX=1\n", hint="elsewhere")
    assert newer.state(tmp_path) is FileState.OLDER
    at.write_text(at.read_text() + "Mine=1\n")
    assert newer.state(tmp_path) is OURS.state(tmp_path) is FileState.EDITED
    at.write_text("[Unit]\n")
    assert OURS.state(tmp_path) is FileState.FOREIGN


def test_what_was_edited_by_hand_is_kept_beside(tmp_path: Path) -> None:
    """When it is written over and when it is taken away, for nobody else to read; what was not edited is not kept."""
    at, before = below(tmp_path, PATH), below(tmp_path, PATH).with_name("shiftbook.service.before")
    OURS.write(tmp_path)
    OURS.write(tmp_path)
    assert not before.exists()
    edited = at.read_text() + "Environment=TOKEN=x\n"
    at.write_text(edited)
    OURS.write(tmp_path)
    assert (before.read_text(), before.stat().st_mode & 0o777) == (edited, 0o600)
    assert OURS.state(tmp_path) is FileState.SAME
    at.write_text(at.read_text() + "Other=1\n")
    OURS.delete(tmp_path)
    assert not at.exists()
    assert before.read_text().endswith("Other=1\n")


def test_what_is_not_ours_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """Somebody else's always; an edited one unless it is forced."""
    at = below(tmp_path, PATH)
    for state in ("absent", "same"):
        OURS.require_ours(tmp_path, force=False)
        if state == "absent":
            OURS.write(tmp_path)
    at.write_text(at.read_text() + "Mine=1\n")
    with pytest.raises(Refused, match=r"edited by hand: write into shiftbook.service.d/.*--force"):
        OURS.require_ours(tmp_path, force=False)
    OURS.require_ours(tmp_path, force=True)
    at.write_text("mine\n")
    for force in (False, True):
        with pytest.raises(Refused, match="move it away first"):
            OURS.require_ours(tmp_path, force=force)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=200), st.booleans())
def test_any_body_is_known_again(tmp_path_factory: pytest.TempPathFactory, body: str, edited: bool) -> None:
    """Whatever it says; one letter more is an edit."""
    root = tmp_path_factory.mktemp("root")
    file = ManagedFile(path=PATH, body=body)
    file.write(root)
    if edited:
        at = below(root, PATH)
        at.write_bytes(at.read_bytes() + b"x")
    assert file.state(root) is (FileState.EDITED if edited else FileState.SAME)
    assert bool(file.diff(root)) is edited


def test_a_file_that_is_no_text_is_somebody_elses(tmp_path: Path) -> None:
    """It is read without an error, and shown in a diff."""
    at = below(tmp_path, PATH)
    at.parent.mkdir(parents=True)
    at.write_bytes(b"\xff\xfe\n")
    assert OURS.state(tmp_path) is FileState.FOREIGN
    assert "+[Unit]" in OURS.diff(tmp_path)


def test_a_units_lines_are_in_order_and_each_exemption_has_its_reason() -> None:
    """What is left out of a node's unit stands in it, with why; a user's manager gets only what it can do."""
    system, user, backup = node_lines(system=True), node_lines(system=False), plain_lines()
    assert [line for line in system if not line.startswith("#")] == sorted(
        line for line in system if not line.startswith("#")
    )
    assert [line.partition(":")[0] for line in system if line.startswith("#")] == [f"# not {n}" for n in EXEMPTIONS]
    assert all(reason.strip() for reason in EXEMPTIONS.values())
    names = {line.partition("=")[0] for line in user}
    assert names == set(EVERYWHERE) | {"SystemCallFilter"}
    assert not names & set(SYSTEM)
    assert {line.partition("=")[0] for line in backup} == set(EVERYWHERE) | set(SYSTEM) | set(PLAIN)
    assert "NoNewPrivileges=yes" in system
    assert "NoNewPrivileges=yes" in backup


def test_where_a_users_units_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By XDG, or below the home folder; an empty variable is none."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert plan.user_units() == tmp_path / ".config/systemd/user"
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    assert plan.user_units() == tmp_path / ".config/systemd/user"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert plan.user_units() == tmp_path / "xdg/systemd/user"


def test_a_removal_knows_every_file_that_any_deployment_writes() -> None:
    """Of a worker, of headquarters, with the certificate or without."""
    every = {file.path for file in plan.every_path(system=True)}
    for headquarters in (False, True):
        wanted = Deployment(headquarters=headquarters, program=Path("/bin/true"), system=True)
        assert {file.path for file in plan.planned_files(wanted, certified=False)} <= every
    own = {file.path for file in plan.every_path(system=False)}
    user = Deployment(headquarters=False, program=Path("/bin/true"), system=False)
    assert {file.path for file in plan.planned_files(user, certified=False)} == own


@pytest.mark.parametrize("memory", ["", "0", "4g", "4 G", "-1", "150%", "4GB", "G", "4G\nUser=root"])
def test_a_limit_that_systemd_would_not_read_is_refused(memory: str) -> None:
    """And none that would be read as another line of the unit."""
    with pytest.raises(WrongSetting) as caught:
        plan.check(Deployment(headquarters=False, program=Path("/bin/true"), system=False, memory=memory))
    assert caught.value.name == "--memory"
