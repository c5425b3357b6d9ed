"""Is a machine brought to its deployment, once and no further, and is nothing lost that a person wrote?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.app.deployment.installer import DeploymentReport, Installer
from orchestrator.app.deployment.machine import Machine
from orchestrator.core.errors import Refused
from tests.orchestrator.app.deployment.test_units import HQ

UNIT = "etc/systemd/system/shiftbook.service"
SITE = "etc/nginx/conf.d/shiftbook.conf"


def deploy(root: Path, *, dry_run: bool = False, force: bool = False, memory: str = "80%") -> DeploymentReport:
    wanted = replace(HQ, memory=memory)
    return Installer(wanted=wanted, machine=Machine(root=root), dry_run=dry_run, force=force).deploy({})


def remove(root: Path, *, dry_run: bool = False, force: bool = False) -> DeploymentReport:
    return Installer(wanted=HQ, machine=Machine(root=root), dry_run=dry_run, force=force).remove()


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_twice(tmp_path: Path) -> None:
    """The second time nothing is done, and a changed wish changes the one file that it is about."""
    first = deploy(tmp_path)
    assert len(first.changes) == len(contents(tmp_path)) == 7
    before = contents(tmp_path)
    assert deploy(tmp_path).changes == []
    assert deploy(tmp_path, memory="4G").changes == [f"write /{UNIT}"]
    after = contents(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {UNIT}


def test_a_backup_without_keys_is_said_and_no_longer_once_it_has_them(tmp_path: Path) -> None:
    """The next step names the setting and the extra; a credential that sets it is seen."""
    assert any("holds no keys: SHIFTBOOK_BACKUP_TO=age1" in step for step in deploy(tmp_path).next_steps)
    credential = tmp_path / "etc/shiftbook/credentials/SHIFTBOOK_BACKUP_TO"
    credential.parent.mkdir(parents=True)
    credential.write_text("age1…", encoding="utf-8")
    assert not any("SHIFTBOOK_BACKUP_TO" in step for step in deploy(tmp_path).next_steps)


def test_dry_run(tmp_path: Path) -> None:
    """It writes nothing, and says what the real run then says, with each file whole."""
    said = deploy(tmp_path, dry_run=True)
    assert contents(tmp_path) == {}
    done = deploy(tmp_path)
    assert (said.changes, said.diffs) == (done.changes, done.diffs)
    assert "+Type=notify" in done.diffs[f"/{UNIT}"].splitlines()
    assert remove(tmp_path, dry_run=True).changes == [f"delete /{name}" for name in _order(tmp_path)]
    assert len(contents(tmp_path)) == 7


def _order(root: Path) -> list[str]:
    """The files as they are written."""
    return [line.removeprefix("write /") for line in deploy(root / "again", dry_run=True).changes]


def test_foreign(tmp_path: Path) -> None:
    """A file that somebody else wrote stops it before anything is written, and a removal leaves it alone."""
    (tmp_path / SITE).parent.mkdir(parents=True)
    (tmp_path / SITE).write_text("server { }\n", encoding="utf-8")
    for force in (False, True):
        with pytest.raises(Refused, match=r"not from `shiftbook deploy`"):
            deploy(tmp_path, force=force)
    assert list(contents(tmp_path)) == [SITE]
    assert remove(tmp_path, force=True).changes == []
    assert (tmp_path / SITE).read_text(encoding="utf-8") == "server { }\n"


@pytest.mark.parametrize("again", [deploy, remove], ids=["deploy", "remove"])
def test_edited(tmp_path: Path, again: object) -> None:
    """What was edited by hand is not lost: it stops, and with --force the edit is kept beside."""
    deploy(tmp_path)
    unit = tmp_path / UNIT
    edited = unit.read_text(encoding="utf-8") + "Environment=MINE=1\n"
    unit.write_text(edited, encoding="utf-8")
    before = contents(tmp_path)
    with pytest.raises(Refused, match=r"edited by hand: your own lines go into shiftbook\.service\.d"):
        again(tmp_path)  # type: ignore[operator]
    assert contents(tmp_path) == before
    again(tmp_path, force=True)  # type: ignore[operator]
    kept = unit.with_name("shiftbook.service.before")
    assert kept.read_text(encoding="utf-8") == edited
    assert not unit.exists() or "MINE" not in unit.read_text(encoding="utf-8")


def test_removed(tmp_path: Path) -> None:
    """A removal takes all that was written and nothing else; the second one finds nothing."""
    drop_in = tmp_path / "etc/systemd/system/shiftbook.service.d/own.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nNice=5\n", encoding="utf-8")
    deploy(tmp_path)
    assert len(remove(tmp_path).changes) == 7
    assert list(contents(tmp_path)) == [str(drop_in.relative_to(tmp_path))]
    assert remove(tmp_path).changes == []


def test_without_certificate(tmp_path: Path) -> None:
    """Until there is a certificate the site only answers for one, and the next step says how to get it."""
    report = deploy(tmp_path)
    assert "ssl" not in (tmp_path / SITE).read_text(encoding="utf-8")
    assert any(step.startswith("a certificate: certbot ") for step in report.next_steps)
    assert HQ.site is not None
    for path in (HQ.site.certificate, HQ.site.certificate_key):
        (tmp_path / path.relative_to("/")).touch()
    report = deploy(tmp_path)
    assert report.changes == [f"write /{SITE}"]
    assert "listen 443 ssl" in (tmp_path / SITE).read_text(encoding="utf-8")
    assert not any(step.startswith("a certificate") for step in report.next_steps)
