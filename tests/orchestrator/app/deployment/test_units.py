"""Are the units of a node units, as confined as the documents say, and safe from what a person writes into them?"""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.app.deployment import plan, units
from orchestrator.app.deployment.hardening import EXEMPTIONS
from orchestrator.app.deployment.layout import Deployment, Site
from orchestrator.core.errors import WrongSetting
from tests.conftest import require_program

HQ = Deployment(
    headquarters=True,
    program=Path("/usr/bin/true"),
    site=Site(domain="hq.example", certificate=Path("/c.pem"), certificate_key=Path("/k.pem")),
)
OPERATING = Path(__file__).parents[4] / "docs" / "operating.md"


def written(folder: Path, wanted: Deployment) -> list[Path]:
    """The units as files."""
    found = [one for one in plan.planned_files(wanted, certified=True) if one.path.suffix in {".service", ".timer"}]
    for one in found:
        one.write(folder)
    return [folder / one.path.relative_to("/") for one in found]


def analyze(*words: object) -> subprocess.CompletedProcess[str]:
    require_program("systemd-analyze")
    return subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("wanted", [HQ, replace(HQ, headquarters=False, site=None)], ids=["hq", "worker"])
def test_verified(tmp_path: Path, wanted: Deployment) -> None:
    """systemd reads every unit without a word."""
    done = analyze("verify", "--man=no", *written(tmp_path, wanted))
    assert (done.returncode, done.stderr) == (0, "")


def test_own_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit of a user's own manager asks for nothing that takes privilege, and has the user's folders of programs."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/xdg-of-test")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", "/home/ada/.local/bin:relative:/usr/bin")
    path = written(tmp_path, replace(HQ, headquarters=False, site=None, system=False))[0]
    done = analyze("verify", "--user", "--man=no", path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = path.read_text(encoding="utf-8").splitlines()
    names = {line.partition("=")[0] for line in lines}
    assert not names & {"User", "PrivateDevices", "ProtectSystem", "CapabilityBoundingSet", "LoadCredential"}
    assert "Environment=PATH=/usr/bin:/home/ada/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin" in lines
    assert "WantedBy=default.target" in lines


def test_updates_are_written_from_within_the_unit(tmp_path: Path) -> None:
    """The folder of versions is writable there wherever it lies; in the node's home it is so already."""
    away = replace(HQ, versions=Path("/opt/versions-of-shiftbook"))
    unit = written(tmp_path, away)[0]
    lines = unit.read_text(encoding="utf-8").splitlines()
    assert "ReadWritePaths=/opt/versions-of-shiftbook" in lines
    assert analyze("verify", "--man=no", unit).stderr == ""
    at_home = replace(HQ, versions=Path("/var/lib/shiftbook/program"))
    for wanted in (HQ, at_home, replace(away, system=False)):
        assert "ReadWritePaths" not in units.node_unit(wanted)


def test_exposure(tmp_path: Path) -> None:
    """The figures in docs/operating.md are those of the units; each exemption is in the unit and in the document."""
    text = OPERATING.read_text(encoding="utf-8")
    paths = [path for path in written(tmp_path, HQ) if path.suffix == ".service"]
    for path in paths:
        said = analyze("security", "--offline=true", "--no-pager", path).stdout
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        assert found, said
        assert f"`{path.name}` {found[1]}" in text
    for name, why in EXEMPTIONS.items():
        assert f"# not {name}: {why}" in paths[0].read_text(encoding="utf-8")
        assert f"| `{name}` | {why} |" in text


@pytest.mark.parametrize("name", ['a"b', "a b", "a%n", "a$HOME", "a;b", "a\nUser=root", "ä"])
def test_odd_program(tmp_path: Path, name: str) -> None:
    """A path in which systemd would read something else is not taken."""
    program = tmp_path / name
    program.symlink_to("/usr/bin/true")
    with pytest.raises(WrongSetting, match="systemd takes a whole path of letters"):
        plan.check(replace(HQ, program=program, system=False))


@pytest.mark.parametrize(
    ("field", "value", "option"),
    [
        ("domain", "hq.example; include /etc/shadow", "--domain"),
        ("domain", "hq.example\nserver_name x", "--domain"),
        ("domain", "", "--domain"),
        ("certificate", Path("/a;b"), "--certificate"),
        ("certificate_key", Path("/a b"), "--certificate-key"),
        ("certificate_key", Path("k.pem"), "--certificate-key"),
    ],
)
def test_odd_site(field: str, value: object, option: str) -> None:
    """What nginx would read as more than a name or a path is not taken."""
    assert HQ.site is not None
    wanted = replace(HQ, site=replace(HQ.site, **{field: value}))  # type: ignore[arg-type]
    with pytest.raises(WrongSetting) as caught:
        plan.check(wanted)
    assert caught.value.name == option


@pytest.mark.parametrize("memory", ["", "4G\nUser=root", "-1", "101%", "much", "0"])
def test_odd_memory(memory: str) -> None:
    """Only a size or a share is taken."""
    with pytest.raises(WrongSetting, match="--memory"):
        plan.check(replace(HQ, memory=memory))


def test_unreachable_program(tmp_path: Path) -> None:
    """A program that the service's user cannot reach is named before anything is written, its interpreter as well."""
    hidden = tmp_path / "python"
    hidden.symlink_to("/usr/bin/true")
    script = Path("/usr/bin/true")
    plan.check(replace(HQ, program=script))
    with pytest.raises(WrongSetting, match=r"does not see /tmp|others may not enter"):
        plan.check(replace(HQ, program=hidden))
    with pytest.raises(WrongSetting, match="is no program"):
        plan.check(replace(HQ, program=Path("/etc/passwd")))
    plan.check(replace(HQ, program=hidden, system=False, headquarters=False))


def test_interpreter(tmp_path: Path) -> None:
    """Where the interpreter of a script lies counts as well."""
    script = tmp_path / "shiftbook"
    script.write_text(f"#!{tmp_path}/python3 -P\n", encoding="utf-8")
    (tmp_path / "python3").symlink_to("/usr/bin/true")
    assert tmp_path / "python3" in plan._needed(script)
    assert Path("/usr/bin/true").resolve() in plan._needed(script)


# -- what a backup sees ------------------------------------------------------------------------------------------------


def service_lines(folder: Path, name: str) -> list[str]:
    """The lines of a unit of headquarters."""
    written(folder, HQ)
    return (folder / "etc/systemd/system" / name).read_text(encoding="utf-8").splitlines()


def test_the_backup_sees_the_secrets_that_the_node_sees(tmp_path: Path) -> None:
    """A database at a server whose URL is a credential is what is saved, and not a new one in the home."""
    loaded = [line for line in service_lines(tmp_path, "shiftbook.service") if line.startswith("LoadCredential=")]
    assert loaded == ["LoadCredential=shiftbook:/etc/shiftbook/credentials"]
    assert loaded[0] in service_lines(tmp_path, "shiftbook-backup.service")


def test_neither_backup_goes_undone_because_of_the_other(tmp_path: Path) -> None:
    """A oneshot unit ends at its first command that fails: each has one alone, and one start of them brings both."""
    node, ledger = (service_lines(tmp_path, f"shiftbook-backup{end}.service") for end in ("", "-ledger"))
    for lines, word in ((node, "backup /var/backups/shiftbook --keep 14"), (ledger, "git -C")):
        (start,) = [line for line in lines if line.startswith("ExecStart")]
        assert word in start
    assert "Wants=shiftbook-backup-ledger.service" in node
    assert not [line for line in node if line.startswith(("Requires", "BindsTo"))]
    assert not [line for line in ledger if line.startswith("LoadCredential")]
