"""Facts about what the sandbox shows empty: the settings of a repository that a program would follow."""

from __future__ import annotations

import subprocess
from pathlib import Path

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.ports.sandbox import Confinement


def run(sandbox: Bubblewrap, tree: Path, line: str, *hidden: str) -> str:
    """What a line of shell prints in a sandbox that hides these paths of the tree."""
    confinement = Confinement(
        writable=tree, hidden=tuple(tree / name for name in hidden), environment={"PATH": "/usr/bin:/bin"}
    )
    argv = sandbox.command(["/bin/sh", "-c", line], confinement)
    done = subprocess.run(argv, env=dict(confinement.environment), capture_output=True, text=True, check=False)
    return done.stdout


def test_hidden(bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """A hidden file reads `{}`, a hidden folder is empty, neither can be written; what is not there stays so, and on
    the disk nothing has changed.
    """
    tree = tmp_path / "tree"
    (tree / ".opencode" / "plugin").mkdir(parents=True)
    (tree / ".opencode" / "plugin" / "x.js").write_text("evil")
    (tree / ".env").write_text("EVIL=1")
    line = "cat .env; ls -A .opencode; echo x >.env; mkdir .opencode/plugin; ls -A; true"
    said = run(bubblewrap, tree, line, ".env", ".opencode", ".aider.conf.yml")
    assert said.split() == ["{}", ".env", ".opencode"]
    assert (tree / ".env").read_text() == "EVIL=1"
    assert [path.name for path in (tree / ".opencode").rglob("*")] == ["plugin", "x.js"]


def test_hidden_behind_links(bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """A repository cannot get round it with a link: what the link leads to in the tree is hidden, the tree itself and
    what lies outside of it are not touched.
    """
    tree = tmp_path / "tree"
    (tree / "evil").mkdir(parents=True)
    (tree / "evil" / "x.js").write_text("evil")
    (tree / ".opencode").symlink_to("evil")
    (tree / ".env").symlink_to(tmp_path / "mine")
    (tmp_path / "mine").write_text("mine")
    (tree / "self").symlink_to(".")
    said = run(bubblewrap, tree, "ls -A .opencode evil self/evil; cat .env; ls -A", ".opencode", ".env", "self")
    assert "x.js" not in said
    assert "mine" not in said
    assert said.split()[-4:] == [".env", ".opencode", "evil", "self"]
