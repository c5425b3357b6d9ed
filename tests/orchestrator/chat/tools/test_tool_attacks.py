"""A model that means ill and its tools: what it sends is refused in words, bounded, and never done unasked."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.chat.tool_approvals import ToolApprovals
from orchestrator.chat.tools import toolbox
from orchestrator.chat.tools.paths import WorkspaceFiles
from orchestrator.chat.tools.search import SearchArguments, SearchTool
from orchestrator.chat.tools.tool import Toolbox, ToolPolicy, ToolRequest
from orchestrator.chat.tools.workspace import ChatWorkspaces
from orchestrator.core.ports.agent import Project
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.execution.workspace.tree_walk import remove_tree
from tests.conftest import require_program
from tests.orchestrator.repositories import Server

NEVER = threading.Event()


@pytest.fixture
def box(tmp_path: Path, server: Server, bubblewrap: Bubblewrap) -> Toolbox:
    """The tools of a chat about a project, in which a file is no text."""
    require_program("rg")
    grounds = ChatWorkspaces(folder=tmp_path / "chats", workspaces=Workspaces(cache=tmp_path / "cache"))
    ground = grounds.open("c1", Project(name="shop", url=str(server.folder)), NEVER)
    (ground.tree / "latin").write_bytes(b"caf\xe9\n")
    return toolbox.build_toolbox(ground, sandbox=bubblewrap, policy=ToolPolicy(asks=frozenset()), node="desk")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("shell", {"line": "echo a\0b"}),
        ("run", {"code": "print(1)\0"}),
        ("search", {"pattern": "a\0b"}),
        ("search", {"pattern": "a", "path": "a\0b"}),
        ("search", {"pattern": "a" * 1001}),
        ("search", {"pattern": "a", "path": "x" * 5000}),
        ("read", {"path": "x" * 300}),
        ("read", {"path": "README.md/x"}),
        ("read", {"path": "half\ud800"}),
        ("write", {"path": "latin", "content": "e", "old": "caf"}),
        ("write", {"path": "x" * 300, "content": "x"}),
        ("write", {"path": "README.md/x", "content": "x"}),
        ("write", {"path": "half", "content": "\ud800"}),
        ("write", {"path": "sub/.GIT/config", "content": "x"}),
        ("write", {"path": "big", "content": "x" * (2 * 1024 * 1024 + 1)}),
        ("git", {"verb": "log", "revision": "main --output=x"}),
        ("git", {"verb": "log", "revision": "main\n--all"}),
        ("git", {"verb": "show", "revision": "-O/etc/passwd"}),
        ("git", {"verb": "add", "paths": ["a\0b"]}),
        ("git", {"verb": "blame", "paths": ["--contents=/etc/passwd"]}),
        ("git", {"verb": "diff", "revision": "--no-index", "paths": ["README.md"]}),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_what_is_wrong_is_the_calls_result(box: Toolbox, tool: str, arguments: dict[str, object]) -> None:
    """Nothing is raised, nothing is changed, and the model reads why."""
    traced = box.use(ToolRequest(tool=tool, arguments=arguments), "allow", NEVER)
    assert not traced.ok, traced.result
    assert not traced.changed
    assert traced.result
    traced.result.encode()


def test_a_path_of_a_thousand_folders_is_one_answer(box: Toolbox) -> None:
    """Made or refused, but nothing is raised, and it can be taken away again."""
    traced = box.use(ToolRequest(tool="write", arguments={"path": "d/" * 1000 + "x", "content": "x"}), "allow", NEVER)
    traced.result.encode()
    remove_tree(box.root / "d")
    assert not (box.root / "d").exists()


def test_pathspecs_with_a_meaning_are_plain_names(box: Toolbox) -> None:
    """`:(exclude)x`, `:/`, `*` and the like name files that are so called, and nothing else is staged."""
    box.use(ToolRequest(tool="write", arguments={"path": "new", "content": "x"}), "allow", NEVER)
    for path in (":(exclude)README.md", ":/", ":(top)new", "n*w", ":!x"):
        assert not box.use(ToolRequest(tool="git", arguments={"verb": "add", "paths": [path]}), "allow", NEVER).ok, path
    assert "?? new" in box.use(ToolRequest(tool="git", arguments={"verb": "status"}), "allow", NEVER).result


def test_a_diff_of_a_huge_file_is_not_taken_into_memory(box: Toolbox) -> None:
    """What git prints is read up to a roof; the model gets its beginning, with a word that it goes on."""
    line = "yes 0123456789012345678901234567890123456789 | head -c 60000000 > huge; wc -c < huge"
    assert "60000000" in box.use(ToolRequest(tool="shell", arguments={"line": line}), "allow", NEVER).result
    assert box.use(ToolRequest(tool="git", arguments={"verb": "add", "paths": ["huge"]}), "allow", NEVER).ok
    traced = box.use(ToolRequest(tool="git", arguments={"verb": "diff", "revision": "HEAD"}), "allow", NEVER)
    assert "0123456789" in traced.result
    assert "more was printed" in traced.result


def test_a_name_that_is_no_unicode_breaks_no_answer(tmp_path: Path) -> None:
    """Without ripgrep, too, what is found can be written down."""
    Path(tmp_path, b"sesame\xff".decode("utf-8", "surrogateescape")).write_text("sesame\n")
    found = SearchTool(place=WorkspaceFiles(root=tmp_path), program="none").use(
        SearchArguments(pattern="sesame"), NEVER
    )
    assert "sesame" in found.text
    found.text.encode()


def test_a_yes_after_the_stop_does_nothing() -> None:
    """Who has stopped the answer has withdrawn the question: a yes that comes in the same moment counts for nothing."""
    approvals, stop = ToolApprovals(new_id=lambda: "q1"), threading.Event()
    question = approvals.ask("c1", "git commit", {}, when="now")
    stop.set()
    approvals.decide("q1", allow=True)
    assert approvals.wait(question, stop) is False


def test_a_yes_that_is_late_does_nothing() -> None:
    """After the time is over, also when nobody has noticed yet."""
    now = [0.0]
    approvals = ToolApprovals(new_id=lambda: "q1", clock=lambda: now[0])
    question = approvals.ask("c1", "git commit", {}, when="now")
    now[0] = 10_000.0
    approvals.decide("q1", allow=True)
    over = iter([0.0, 10_000.0, 10_000.0])
    late = ToolApprovals(new_id=lambda: "q2", clock=lambda: next(over))
    asked = late.ask("c1", "git commit", {}, when="now")
    late.decide("q2", allow=True)
    assert late.wait(asked, NEVER, seconds=600) is False
    assert question.id == "q1"
