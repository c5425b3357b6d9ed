"""Do the tools do what a model asks, inside the workspace, and tell it what went wrong?"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.chat.tools import toolbox
from orchestrator.chat.tools.paths import WorkspaceFiles
from orchestrator.chat.tools.search import SearchTool
from orchestrator.chat.tools.tool import Toolbox, ToolPolicy, ToolRequest, ToolTrace
from orchestrator.chat.tools.workspace import ChatWorkspace, ChatWorkspaces
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.agent import Project
from orchestrator.execution.workspace.clone import Workspaces
from tests.conftest import require_program
from tests.orchestrator.repositories import Server

NEVER = threading.Event()


@pytest.fixture
def box(tmp_path: Path, server: Server, bubblewrap: Bubblewrap) -> Toolbox:
    """The tools of a chat about a project."""
    require_program("rg")
    grounds = ChatWorkspaces(folder=tmp_path / "chats", workspaces=Workspaces(cache=tmp_path / "cache"))
    ground = grounds.open("c1", Project(name="shop", url=str(server.folder)), NEVER)
    return toolbox.build_toolbox(ground, sandbox=bubblewrap, policy=ToolPolicy(asks=frozenset()), node="desk")


def use(box: Toolbox, tool: str, leave: str = "allow", **arguments: object) -> ToolTrace:
    """One call."""
    return box.use(ToolRequest(tool=tool, arguments=arguments), leave, NEVER)


def test_a_change_is_made_tested_and_committed(box: Toolbox) -> None:
    """search, read, write, run, shell and git work on one tree."""
    assert use(box, "write", path="lib/adds.py", content="def add(a, b):\n    return a - b\n").changed
    assert "lib/adds.py:2:" in use(box, "search", pattern=r"a\s-\sb").result
    assert "2:     return a - b" in use(box, "read", path="lib/adds.py").result
    assert use(box, "write", path="lib/adds.py", content="a + b", old="a - b").ok
    ran = use(box, "run", code="import sys; sys.path.insert(0, '.')\nfrom lib.adds import add\nprint(add(2, 3))")
    assert ran.result == "5\n[exit code 0]"
    assert use(box, "shell", line="ls lib; exit 3").result == "adds.py\n[exit code 3]"
    assert "?? lib/" in use(box, "git", verb="status").result
    assert use(box, "git", verb="add", paths=["lib"]).ok
    assert use(box, "git", verb="commit", message="Add adds").ok
    assert "desk: Add adds" in use(box, "git", verb="log").result
    assert "+    return a + b" in use(box, "git", verb="show", revision="HEAD").result
    assert "return a + b" in use(box, "git", verb="blame", paths=["lib/adds.py"]).result


@pytest.mark.parametrize(
    ("tool", "arguments", "why"),
    [
        ("read", {"path": "../../secret"}, "leads out"),
        ("read", {"path": "/etc/passwd"}, "not a path inside"),
        ("read", {"path": "gone"}, "there is no"),
        ("read", {"path": "x", "line": 3}, "arguments: line"),
        ("read", {}, "arguments: path"),
        ("write", {"path": ".git", "content": "gitdir: /tmp"}, "read, not written"),
        ("write", {"path": "README.md", "content": "x", "old": "nowhere to be found"}, "0 times"),
        ("search", {"pattern": "x", "path": "../.."}, "leads out"),
        ("search", {"pattern": "(", "path": "."}, "cannot be used"),
        ("search", {"pattern": "--files", "path": "--pre=/bin/sh"}, "there is no"),
        ("git", {"verb": "push"}, "arguments: verb"),
        ("git", {"verb": "log", "revision": "--output=/tmp/x"}, "arguments: revision"),
        ("git", {"verb": "show", "revision": "HEAD:../../secret"}, "arguments: revision"),
        ("git", {"verb": "add", "paths": ["../.."]}, "leads out"),
        ("git", {"verb": "show", "revision": "nosuch"}, "nosuch"),
        ("shell", {"line": "x", "seconds": 100000}, "arguments: seconds"),
        ("delete", {"path": "x"}, "no such tool"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_done_is_told(box: Toolbox, tool: str, arguments: dict[str, object], why: str) -> None:
    """A wrong call is a result that says what is wrong; nothing is raised, nothing is changed."""
    traced = box.use(ToolRequest(tool=tool, arguments=arguments), "allow", NEVER)
    assert not traced.ok
    assert not traced.changed
    assert why in traced.result


def test_commands_cannot_leave_the_workspace(box: Toolbox, tmp_path: Path) -> None:
    """Neither read what lies beside it nor write there, nor plant a hook, nor reach the network, nor see our keys."""
    (tmp_path / "secret").write_text("sesame")
    os.environ["SHIFTBOOK_TEST_KEY"] = "sesame"
    try:
        for line in (
            f"cat {tmp_path}/secret",
            "echo x > .git",
            "echo x > ../git/hooks-planted",
            "echo $SHIFTBOOK_TEST_KEY | grep -q sesame",
            "env | grep sesame",
        ):
            assert not use(box, "shell", line=line).ok, line
        use(box, "shell", line=f"echo x > {tmp_path}/planted")  # into a folder of its own that is thrown away
        code = "import socket; socket.create_connection(('1.1.1.1', 53), 2)"
        assert not use(box, "run", code=code).ok
    finally:
        del os.environ["SHIFTBOOK_TEST_KEY"]
    assert not (tmp_path / "planted").exists()


def test_a_link_that_a_command_planted_is_not_followed(box: Toolbox, tmp_path: Path) -> None:
    """What a command left behind does not lead the other tools out."""
    (tmp_path / "secret").write_text("sesame")
    assert use(box, "shell", line=f"ln -s {tmp_path}/secret s; ln -s {tmp_path} d; mkfifo p").ok
    for tool, arguments in (
        ("read", {"path": "s"}),
        ("read", {"path": "d/secret"}),
        ("read", {"path": "p"}),
        ("write", {"path": "s", "content": "x"}),
        ("write", {"path": "d/new", "content": "x"}),
        ("search", {"pattern": "sesame", "path": "d"}),
    ):
        assert not use(box, tool, **arguments).ok, (tool, arguments)
    assert use(box, "search", pattern="sesame").result == "nothing found"
    assert (tmp_path / "secret").read_text() == "sesame"


def test_git_runs_nothing_that_the_tree_brought(box: Toolbox, tmp_path: Path) -> None:
    """Neither filters nor hooks nor an embedded repository's settings run when git looks at the tree."""
    evil = f"touch {box.root}/ran"
    line = (
        "printf '* filter=evil diff=evil\\n' > .gitattributes; mkdir -p sub && cd sub && git init -q . && "
        f"git config core.fsmonitor '{evil}' && git config filter.evil.clean '{evil}' && echo x > f"
    )
    use(box, "shell", line=line)
    for verb in ("status", "add", "diff", "commit", "show"):
        use(box, "git", verb=verb, message="x")
    assert not (box.root / "ran").exists()


def test_policy_refuses_and_asks() -> None:
    """A tool's name covers its verbs; what is refused comes before what is asked."""
    policy = ToolPolicy(asks=frozenset({"git", "write"}), denies=frozenset({"git commit"}))
    assert [policy.leave(act) for act in ("git commit", "git log", "write", "read")] == ["deny", "ask", "ask", "allow"]


def test_a_refused_call_is_not_done(box: Toolbox) -> None:
    """Refused means that nothing happened."""
    traced = use(box, "write", leave="deny", path="x", content="y")
    assert (traced.ok, traced.changed) == (False, False)
    assert not (box.root / "x").exists()


def test_without_a_sandbox_there_are_no_commands(tmp_path: Path) -> None:
    """`run` and `shell` are not offered, and a call of them says why."""
    (tmp_path / "tree").mkdir()
    broken = Bubblewrap(program="no-such-bwrap")
    box = toolbox.build_toolbox(ChatWorkspace(folder=tmp_path), sandbox=broken, policy=ToolPolicy(), node="desk")
    assert box.names == ("search", "read", "write")
    assert "not installed" in use(box, "shell", line="id").result
    assert "no project" in use(box, "git", verb="log").result
    with pytest.raises(WrongSetting, match="search, read"):
        toolbox.build_toolbox(
            ChatWorkspace(folder=tmp_path), sandbox=broken, policy=ToolPolicy(), node="desk", wanted=["rm"]
        )


def test_a_stop_ends_a_command(box: Toolbox) -> None:
    """A command that would run for long ends soon after the stop, with a word on it."""
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    traced = box.use(ToolRequest(tool="shell", arguments={"line": "sleep 60"}), "allow", stop)
    assert time.monotonic() - began < 30
    assert traced.result.endswith("[stopped]")


def test_search_without_ripgrep(tmp_path: Path) -> None:
    """Python finds plain text and says that it did only that; an expression that would hang it is plain text too."""
    (tmp_path / "a.txt").write_text("one (a+)+$ two\n" + "a" * 100)
    found = SearchTool(place=WorkspaceFiles(root=tmp_path), program="no-such-rg")
    made = found.use(found.takes.model_validate({"pattern": "(a+)+$"}), NEVER)
    assert "a.txt:1:one" in made.text
    assert "ripgrep is not installed" in made.text


def test_a_workspace_is_found_again(tmp_path: Path, server: Server) -> None:
    """The next turn of a conversation, in another process, has the files of the last one."""
    project = Project(name="shop", url=str(server.folder))
    made = ChatWorkspaces(folder=tmp_path / "chats", workspaces=Workspaces(cache=tmp_path / "cache")).open(
        "c", project, NEVER
    )
    (made.tree / "note").write_text("x")
    again = ChatWorkspaces(folder=tmp_path / "chats", workspaces=Workspaces(cache=tmp_path / "cache"))
    assert (again.open("c", project, NEVER).tree / "note").read_text() == "x"
    again.drop("c")
    assert not made.tree.exists()
