"""Does a run see another root file system in the place of the machine's, and does nothing of it lead out?"""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
import threading
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.adapters.sandbox.image_root import RootFolder
from orchestrator.adapters.sandbox.root_folders import is_systems
from orchestrator.app import wiring
from orchestrator.app.doctor.check_result import CheckStatus
from orchestrator.app.doctor.machine_checks import check_sandbox
from orchestrator.app.root_file_system import root_folder
from orchestrator.core.ports.sandbox import Confinement
from orchestrator.core.settings import Settings
from orchestrator.execution.node_python import node_python
from orchestrator.execution.process.runner import run
from tests.conftest import require_program
from tests.orchestrator.adapters.sandbox.image_writer import Image, folder_layer
from tests.waiting import PATIENCE

PROGRAMS = ("sh", "prlimit", "cat", "ls", "id")
NOT_NEEDED = ("__pycache__", "dist-packages", "site-packages", "config-*", "test", "idlelib", "lib2to3", "tkinter")
"""Of a library of Python, by the relay that runs inside."""


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """A small root file system: a few of the machine's programs with their libraries, on a merged /usr."""
    top = tmp_path / "root"
    for name in ("bin", "lib", "lib64"):
        (top / "usr" / name).mkdir(parents=True)
        (top / name).symlink_to(f"usr/{name}")
    (top / "usr/marker").write_text("of the root file system\n")
    (top / "etc").mkdir()
    (top / "etc/passwd").write_text("somebody:x:0:0::/:/bin/sh\n")
    for program in (*map(require_program, PROGRAMS), str(node_python())):
        told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+) \(0x", told):
            place = top / str(Path(library)).lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)
        if program != str(node_python()):
            shutil.copy(program, top / "usr/bin" / Path(program).name)
    if node_python().is_relative_to("/usr"):  # then it has to have the same Python (docs/sandbox.md)
        shutil.copy(node_python(), top / "usr/bin")
        library = Path(sysconfig.get_path("stdlib"))
        shutil.copytree(library, top / str(library).lstrip("/"), ignore=shutil.ignore_patterns(*NOT_NEEDED))
    return top


def inside(rootfs: Path, line: str, **fields: object) -> str:
    """What a line prints in a sandbox with that root."""
    sandbox = Bubblewrap(rootfs=rootfs)
    tree = rootfs.parent / "tree"
    tree.mkdir(exist_ok=True)
    confinement = Confinement(writable=tree, environment={"PATH": "/usr/bin:/bin"}, **fields)  # type: ignore[arg-type]
    return run(
        sandbox.command(["/bin/sh", "-c", line], confinement),
        folder=tree,
        environment=confinement.environment,
        output=rootfs.parent / "output.log",
        timeout=PATIENCE,
        stop=threading.Event(),
        say=lambda _: None,
    ).output


def test_its_folders_are_the_root(rootfs: Path, bubblewrap: Bubblewrap) -> None:
    """In the place of the machine's, read-only; the sandbox works there, with the line's relay, too."""
    assert Bubblewrap(rootfs=rootfs).missing() is None
    said = inside(rootfs, "cat /usr/marker /etc/passwd; ls /usr/bin; echo x > /usr/new; echo x > mine && cat mine")
    assert said.startswith("of the root file system\nsomebody:x:0:0::/:/bin/sh\n")
    held = sorted(path.name for path in (rootfs / "usr/bin").iterdir())
    assert held == said.splitlines()[2 : 2 + len(held)]
    assert "/usr/new: Read-only file system" in said
    assert said.endswith("\nx\n")
    assert not (rootfs / "usr/new").exists()


def test_no_link_in_it_leads_to_the_machines_files(rootfs: Path, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """Neither a file of /etc, nor a folder in its way, nor a whole system folder, nor a link below one."""
    secrets = tmp_path / "secrets"
    (secrets / "inner").mkdir(parents=True)
    for name in ("passwd", "inner/openssl.cnf", "openssl.cnf"):
        (secrets / name).write_text("a secret\n")
    (rootfs / "etc/passwd").unlink()
    (rootfs / "etc/passwd").symlink_to(secrets / "passwd")
    (rootfs / "etc/ssl").symlink_to(secrets)
    (rootfs / "etc/profile.d").symlink_to(secrets)
    (rootfs / "sbin").symlink_to(secrets)
    (rootfs / "usr/out").symlink_to(secrets)
    said = inside(rootfs, "cat /etc/passwd /etc/ssl/openssl.cnf /etc/profile.d/passwd /sbin/passwd /usr/out/passwd")
    assert "a secret" not in said
    assert said.count("No such file or directory") == 5
    shutil.rmtree(rootfs / "etc")
    (rootfs / "etc").symlink_to(secrets)
    assert "a secret" not in inside(rootfs, "cat /etc/passwd /etc/openssl.cnf")


def test_what_the_machine_has_in_system_folders_is_not_shown_in_it(rootfs: Path, bubblewrap: Bubblewrap) -> None:
    """There is no place for it; what lies elsewhere is shown as ever."""
    other = rootfs.parent / "tool"
    other.write_text("a tool\n")
    said = inside(rootfs, f"cat {other}; ls /usr/share", readable=(Path("/usr/share"), other))
    assert said.startswith("a tool\n")
    assert "/usr/share" in said.partition("a tool\n")[2]  # ls says that there is none
    assert all(is_systems(Path(each)) for each in ("/usr/x", "/lib64", "/etc/x"))
    assert not any(is_systems(Path(each)) for each in ("/srv/x", "/home/usr", "/"))


def test_one_that_cannot_be_used_is_told(rootfs: Path, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """With what is wrong, before a mission is taken; nothing else is run in its place."""
    why = f"the root file system {tmp_path / 'absent'} cannot be used: there is no such folder: unpack an image there"
    assert Bubblewrap(rootfs=tmp_path / "absent").missing() == why
    assert wiring.sandbox(required=False, root=RootFolder(path=tmp_path / "absent")).missing() == why
    checked = check_sandbox(Settings(rootfs=tmp_path / "absent"))
    assert (checked.health, "SHIFTBOOK_ROOTFS" in checked.remedy) == (CheckStatus.POOR, True)
    assert "it has no usr" in str(Bubblewrap(rootfs=tmp_path).missing())
    (rootfs / "usr/bin/prlimit").unlink()
    assert "prlimit" in str(Bubblewrap(rootfs=rootfs).missing())


def test_an_archive_of_an_image_is_unpacked_and_shown(rootfs: Path, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """What SHIFTBOOK_ROOTFS names may be an OCI archive; one that is refused is told by the doctor, in its words."""
    archive = Image(layers=[folder_layer(rootfs)]).write(tmp_path / "image.tar")
    settings = Settings(rootfs=archive, home=tmp_path / "home")
    root = root_folder(settings)
    assert root is not None
    assert root.path.parent == tmp_path / "home/cache/roots"
    assert inside(root.path, "cat /usr/marker; echo x > /usr/new").startswith("of the root file system\n")
    assert check_sandbox(settings).health is CheckStatus.GOOD
    archive.write_bytes(b"no tar" * 500)
    checked = check_sandbox(settings)
    assert checked.health is CheckStatus.POOR
    assert f"the root file system {archive} cannot be used: the image cannot be taken: " in checked.says
