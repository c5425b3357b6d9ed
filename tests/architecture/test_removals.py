"""What does the product remove, move or rename, and why can no name that somebody else chose lead that elsewhere?

A conversation that a device called `..` once had a node's home removed. So each function that takes something away
says here whose name the path has. A path that is made of a name is made by `sync.place_names.below`, of a slug, or of
a digest. Nothing is removed by these tests: they read the sources.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.sources import MODULES, ROOT, nodes

TAKES_AWAY = {"rmtree", "remove_tree", "unlink", "rmdir", "rename", "renames", "removedirs", "move_into_place"}

FIXED = "a name of ours below the home, or beside it"
OWN_TEMPORARY = "a folder that mkdtemp, or a random name, has just made"
LISTED = "what a listing of our own folder gave, no link followed"
OPEN_FOLDER = "below an open folder, by dir_fd; links are not followed"
SLUG_OF_PROJECT = "a slug and a digest"
SLUG = "a mission's slug and an epoch, through below"
PLACES = {
    "orchestrator/adapters/models/download.py": "FILE_NAME_PATTERN: a plain name that ends in .gguf",
    "orchestrator/adapters/models/embedded_wheel.py": FIXED,
    "orchestrator/adapters/models/kv_cache_files.py": "a digest of the key, in a folder of the process's own",
    "orchestrator/adapters/models/manager.py": "what download_file has just written",
    "orchestrator/adapters/notifiers/push_key.py": FIXED,
    "orchestrator/adapters/sandbox/image_root.py": "a digest, in the node's cache",
    "orchestrator/adapters/sandbox/layer_tree.py": f"{OPEN_FOLDER}; a name without a separator, walked from the root",
    "orchestrator/api/gunicorn_server.py": FIXED,
    "orchestrator/app/backups/archive.py": "a name of ours beside the target that a person named",
    "orchestrator/app/backups/backup.py": "the node's home, which its owner sets, and names of ours beside it",
    "orchestrator/app/backups/encryption.py": "a name of ours beside the target that a person named",
    "orchestrator/app/backups/retention.py": "listed, and called as backups of this node are",
    "orchestrator/app/demo_fleet.py": FIXED,
    "orchestrator/app/deployment/installer.py": "the plan's own paths",
    "orchestrator/app/deployment/managed_files.py": "the plan's own paths, below the root",
    "orchestrator/app/init_guard.py": "the ledger's own files in the folder that a person named; only empty folders go",
    "orchestrator/app/mirror_seed.py": FIXED,
    "orchestrator/app/setup.py": "names of ours in the folder that a person named; clone_folder makes a plain one",
    "orchestrator/app/updates/going_back.py": FIXED,
    "orchestrator/app/updates/update_agent.py": FIXED,
    "orchestrator/app/updates/updater.py": "a release's tag (core.release_tag), through below",
    "orchestrator/app/updates/version_dirs.py": "fixed names, and what a listing of the folder of versions gave",
    "orchestrator/bench/growth.py": OWN_TEMPORARY,
    "orchestrator/bench/long_life.py": "fixed names in a folder that a person named for the measurement",
    "orchestrator/chat/prompt_cache.py": "an id of letters, digits, - and _; any other is called _",
    "orchestrator/chat/tools/workspace.py": "IS_FOLDER_NAME: no dot at its beginning, no separator",
    "orchestrator/cli/demo/command.py": OWN_TEMPORARY,
    "orchestrator/execution/egress/proxy.py": "a fixed name in an attempt's folder",
    "orchestrator/execution/hooks/hook_socket.py": "a fixed name in an attempt's folder",
    "orchestrator/execution/process/run_group.py": "a folder of the kernel's; rmdir takes none with processes in it",
    "orchestrator/execution/programs/home_files.py": OPEN_FOLDER,
    "orchestrator/execution/project_setup.py": SLUG_OF_PROJECT,
    "orchestrator/execution/verification.py": "a path of fleet.toml that does not climb; no part of it is a link",
    "orchestrator/execution/workspace/agents_md.py": "AGENTS.md and CLAUDE.md at a tree's top, plain files only",
    "orchestrator/execution/workspace/attempt_dir.py": "fixed names in an attempt's folder",
    "orchestrator/execution/workspace/attempt_dirs.py": SLUG,
    "orchestrator/execution/workspace/chat_dirs.py": LISTED,
    "orchestrator/execution/workspace/cleanup.py": LISTED,
    "orchestrator/execution/workspace/git_tree.py": LISTED,
    "orchestrator/execution/workspace/handoff_leak.py": "a path that git has just staged: none behind a link",
    "orchestrator/execution/workspace/inputs.py": "a fixed name in an attempt's folder",
    "orchestrator/execution/workspace/isolated_git.py": "fixed names in a git folder of ours",
    "orchestrator/execution/workspace/spare.py": f"{SLUG_OF_PROJECT}; fixed names in an attempt's folder; {LISTED}",
    "orchestrator/execution/workspace/staging.py": OWN_TEMPORARY,
    "orchestrator/execution/workspace/start_point.py": OWN_TEMPORARY,
    "orchestrator/execution/workspace/tree_walk.py": OPEN_FOLDER,
    "orchestrator/git_server/hook_server.py": OWN_TEMPORARY,
    "orchestrator/node/outbox.py": SLUG,
    "orchestrator/workflow/approval/project_repository.py": OWN_TEMPORARY,
    "orchestrator/workflow/idle/outdated_indexes.py": f"{LISTED}, and the whole name is one of ours with a number",
    "orchestrator/workflow/journal/search_index.py": FIXED,
    "orchestrator/workflow/journal/training_set.py": "a random name of ours beside the file that a person named",
    "orchestrator/workflow/key_rotation.py": "one of the two keys, and names of ours beside it",
    "orchestrator/workflow/merge_queue/project_ground.py": FIXED,
    "orchestrator/workflow/past/transcript_index.py": FIXED,
    "sync/files.py": "a random name of ours beside the path that its caller gives",
    "sync/own_commits.py": FIXED,
    "sync/refs/growing_fetch.py": f"{FIXED}; {LISTED}",
    "sync/refs/packed_refs.py": "a random name of ours; locks that it has just made, of refs with plain names",
    "sync/signatures.py": "the key that its caller names, made under a random name beside it",
    "sync/worktree.py": FIXED,
}
"""Modules that take something away, each with what its paths are made of."""


def test_whoever_takes_away_says_whose_name_it_is() -> None:
    """A new place says what its path is made of; one that is gone leaves no reason behind."""
    assert set(_modules()) == PLACES.keys()


def test_paths_made_of_a_mission_or_a_version_are_made_in_one_place() -> None:
    """`folder / name` with such a name is `below(folder, name)`."""
    shared = {"orchestrator/node/outbox.py", "orchestrator/execution/workspace/attempt_dirs.py"}
    shared |= {"orchestrator/execution/workspace/inputs.py", "orchestrator/app/updates/version_dirs.py"}
    for path in MODULES:
        place = str(path.relative_to(ROOT))
        if place in shared:
            assert any(node.id == "below" for node in nodes(path, ast.Name)), place
            joined = [n for n in nodes(path, ast.BinOp) if isinstance(n.op, ast.Div)]
            assert not [n.lineno for n in joined if _names_a_thing(n.right)], place


def _names_a_thing(node: ast.expr) -> bool:
    """Whether what is joined to a folder is made of a mission's, a version's or a file's name."""
    words = {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in ast.walk(node)}
    return bool(words & {"mission", "version"}) and isinstance(node, ast.JoinedStr | ast.Name)


def _modules() -> Iterator[str]:
    for path in MODULES:
        called = (each.func for each in nodes(path, ast.Call))
        named = {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in called}
        if named & TAKES_AWAY:
            yield str(path.relative_to(ROOT))
