"""What the import contracts cannot say about the code."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tests.architecture.sources import MODULES, ROOT, dotted, nodes, tree


def test_a_module_is_one_idea() -> None:
    """No module has more than 400 lines: split by idea or not at all."""
    assert {str(p.relative_to(ROOT)): n for p in MODULES if (n := len(p.read_text().splitlines())) > 400} == {}


def test_git_is_called_in_one_file_only() -> None:
    """No other module imports GitPython or gitdb, or names git as a program to run."""
    assert [place for path in MODULES if path != ROOT / "sync" / "git.py" for place in _runs_git(path)] == []


def test_a_module_opens_with_its_sentence() -> None:
    """Every module that holds code has a docstring."""
    assert [_place(path) for path in MODULES if tree(path).body and not ast.get_docstring(tree(path))] == []


def test_this_program_starts_itself_and_not_what_lies_around() -> None:
    """`python -m orchestrator` takes a module of that name in the working folder first, unless it is given -P."""
    assert [place for path in MODULES for place in _starts_what_lies_around(path)] == []


def test_what_has_a_session_of_its_own_is_begun_in_one_way() -> None:
    """Ctrl-C in the moment of a start ends it otherwise. Inside of a sandbox there is no terminal to press it at."""
    alone = ROOT / "orchestrator" / "execution" / "dev_services" / "service_supervisor.py"
    assert [place for path in MODULES if path != alone for place in _starts_a_session(path)] == []


def _place(path: Path, node: ast.expr | ast.stmt | None = None) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno if node else 1}"


def _runs_git(path: Path) -> Iterator[str]:
    for node in [*nodes(path, ast.Import), *nodes(path, ast.ImportFrom)]:
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        if {name.partition(".")[0] for name in names} & {"git", "gitdb"}:
            yield _place(path, node)
    for words in nodes(path, ast.List):
        if words.elts and ast.unparse(words.elts[0]).startswith("'git'"):
            yield _place(path, words)


def _starts_what_lies_around(path: Path) -> Iterator[str]:
    for node in [*nodes(path, ast.List), *nodes(path, ast.Tuple)]:
        words = [each.value if isinstance(each, ast.Constant) else None for each in node.elts]
        if ("-m", "orchestrator") in pairwise(words) and "-P" not in words:
            yield _place(path, node)


def _starts_a_session(path: Path) -> Iterator[str]:
    begun = {
        id(inner)
        for node in nodes(path, ast.Call)
        if dotted(node.func) in {"own_session.begin", "begin"}
        for inner in ast.walk(node)
    }
    for node in nodes(path, ast.Call):
        words = {each.arg for each in node.keywords}
        if words & {"start_new_session", "preexec_fn"} and id(node) not in begun:
            yield _place(path, node)


def _unbounded_reads(path: Path) -> Iterator[str]:
    """Objects that are read without saying up to which size: `get` with one argument, of a store."""
    for node in nodes(path, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            store = ast.unparse(node.func.value).rpartition(".")[2].lstrip("_") == "store"
            if store and len(node.args) + len(node.keywords) < 2:
                yield _place(path, node)


def test_objects_are_read_up_to_a_size() -> None:
    """Whoever reads an object that others wrote says how large it may be."""
    assert [place for path in MODULES for place in _unbounded_reads(path)] == []


def _waits_without_end(path: Path) -> Iterator[str]:
    """Processes that are waited for, and HTTP that is spoken, without saying how long."""
    for node in nodes(path, ast.Call):
        if not any(word.arg in {"timeout", None} for word in node.keywords):
            name = dotted(node.func)
            if name in {"subprocess.run", "subprocess.check_output", "subprocess.call", "urlopen"} or re.fullmatch(
                r"httpx\.(?:get|post|put|request|stream|Client|AsyncClient)", name
            ):
                yield _place(path, node)


WAITS = {
    "orchestrator/adapters/models/embedded_wheel.py": "a download that a person asked for and watches; pip has its own",
    "orchestrator/cli/desktop.py": "the window that a person looks at until he closes it",
    "orchestrator/cli/mission/handover.py": "the conversation that a person at a terminal goes on with",
}


def test_nothing_is_waited_for_without_end() -> None:
    """Each process that is run, and each HTTP client, has a deadline (`**options`: those of `adapters/models/http`)."""
    found = [place for path in MODULES for place in _waits_without_end(path)]
    assert [place.partition(":")[0] for place in found] == [*WAITS]


DEFINED_ONCE = ("slug", "read_claim", "signing_key", "read_signers", "object_id")
"""What makes a name, a claim, a key or an object the same one."""


def test_what_is_the_same_is_said_once() -> None:
    """Two definitions of one name are two missions, or two people, to those who read the other."""
    defined = Counter(node.name for path in MODULES for node in nodes(path, ast.FunctionDef))
    assert {name: defined[name] for name in DEFINED_ONCE} == dict.fromkeys(DEFINED_ONCE, 1)


OWN_PLAIN_DATA = {
    "missions/plain_data.py": "the one place where others' JSON and TOML are read",
    "orchestrator/adapters/database/plain/column_values.py": "columns that this program wrote, half characters, too",
    "orchestrator/adapters/models/xllamacpp_process.py": "its parent's line; a program that imports nothing of ours",
    "orchestrator/execution/bridge/bridge_client.py": "runs in the sandbox, with nothing of ours beside it",
    "orchestrator/execution/dev_services/service_supervisor.py": "runs in the sandbox, with nothing of ours beside it",
    "sync/own_commits.py": "this machine's own file; sync knows no other room",
    "sync/worktree.py": "this machine's own file; sync knows no other room",
}
"""Modules that read JSON or TOML with Python's own readers, and why."""


def _reads_plain_data(path: Path) -> bool:
    names = {"json.loads", "json.load", "tomllib.loads", "tomllib.load"}
    return any(dotted(node) in names for node in nodes(path, ast.Attribute))


def test_plain_data_is_read_in_one_module() -> None:
    """Elsewhere nobody has to know what else than ValueError Python's readers raise."""
    found = {str(path.relative_to(ROOT)) for path in MODULES if _reads_plain_data(path)}
    assert found == OWN_PLAIN_DATA.keys()


RENAMES = {
    "sync/files.py": "the one place where a file gets its name",
    "orchestrator/adapters/sandbox/image_root.py": "a folder is renamed when it is whole and on the disk",
    "orchestrator/app/backups/backup.py": "a home folder is swapped for the restored one",
    "orchestrator/execution/programs/home_files.py": "a folder in the way, below a folder handle",
    "orchestrator/execution/workspace/attempt_dirs.py": "a folder is moved out of sight before it is removed",
    "orchestrator/execution/workspace/chat_dirs.py": "a folder is moved aside, looked at and removed or put back",
    "orchestrator/execution/workspace/git_tree.py": "a .git folder is moved out of the tree",
    "orchestrator/execution/workspace/spare.py": "a folder is renamed when it is whole, and not used after a restart",
    "orchestrator/execution/workspace/tree_walk.py": "a folder is moved up so that deep trees can be removed",
    "sync/refs/whole_clone.py": "packs that git has flushed change repositories; a lost one is brought again",
}
"""Modules that rename, and what: everything but the first and the last moves folders only."""


def _renames(path: Path) -> list[int]:
    """The lines that rename a file or folder; text, times and values are replaced with other arguments."""
    named = [(node, node.func) for node in nodes(path, ast.Call) if isinstance(node.func, ast.Attribute)]
    return [
        node.lineno
        for node, name in named
        if name.attr in {"rename", "renames"}
        or dotted(name) in {"os.replace", "shutil.move"}
        or (name.attr == "replace" and len(node.args) == 1 and not node.keywords)
    ]


def test_files_get_their_names_in_one_module() -> None:
    """No other module writes beside and renames: it would be lost in a power cut."""
    found = {str(path.relative_to(ROOT)) for path in MODULES if _renames(path)}
    assert found == RENAMES.keys()
