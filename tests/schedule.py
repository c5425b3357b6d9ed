"""Which tests begin first? Those of the modules that take longest: one that is begun last makes all others wait.

xdist's work stealing gives each worker an even run of the collected tests and takes from the ends of the longest one.
So each run begins with a fair share of the slow modules, the slowest first, and goes on with the quick ones. Most
of the slow ones wait for other processes, where the quick ones compute: one run of many is of quick tests alone, so
that there is work for the processor from the beginning. What shares something dear to start stays together: each
worker that took some of it would start its own browser, model, database, or read all sources anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

TOGETHER = {
    "tests/page": ("tests/page/",),
    "tests/architecture": ("tests/architecture/",),
    "tests/orchestrator/adapters/database": (
        "tests/orchestrator/adapters/database/",
        "tests/acceptance/test_global_state.py",
    ),
    "tests/contracts/test_model.py": (
        "tests/contracts/test_model.py",
        "tests/orchestrator/adapters/models/",
        "tests/orchestrator/adapters/agents/test_builtin.py",
        "tests/orchestrator/cli/test_models.py",
        "tests/orchestrator/execution/test_builtin_attempt.py",
    ),
}
"""Folders and modules that one worker begins with, by the name that `SLOW` has for them."""
SLOW = {
    "tests/page": 180,
    "tests/contracts/test_model.py": 100,
    "tests/orchestrator/adapters/database": 70,
    "tests/acceptance/test_torture.py": 60,
    "tests/acceptance/test_served_git.py": 55,
    "tests/acceptance/test_serving.py": 50,
    "tests/orchestrator/node/test_clone_watch.py": 45,
    "tests/acceptance/test_tidiness.py": 38,
    "tests/agents/test_programs.py": 38,
    "tests/acceptance/test_cancelling.py": 35,
    "tests/contracts/test_remote.py": 35,
    "tests/acceptance/test_node.py": 30,
    "tests/orchestrator/node/test_clone_push.py": 30,
    "tests/orchestrator/execution/test_attempt.py": 30,
    "tests/acceptance/test_forge.py": 30,
    "tests/orchestrator/git_server/test_pre_receive.py": 30,
    "tests/orchestrator/api/routes/test_git.py": 25,
    "tests/orchestrator/telegram/test_door.py": 25,
    "tests/orchestrator/app/updates/test_installation.py": 25,
    "tests/orchestrator/git_server/test_push_attacks.py": 25,
    "tests/acceptance/test_notices.py": 25,
    "tests/orchestrator/continuity/test_verdicts.py": 23,
    "tests/acceptance/test_load.py": 23,
    "tests/acceptance/test_chat.py": 23,
    "tests/acceptance/test_escapes.py": 21,
    "tests/acceptance/test_readme.py": 20,
    "tests/orchestrator/telegram/test_desk.py": 20,
    "tests/acceptance/test_telegram.py": 17,
    "tests/orchestrator/workflow/approval/test_decide.py": 17,
    "tests/acceptance/test_bad_input.py": 15,
    "tests/acceptance/test_review.py": 13,
    "tests/acceptance/test_schemathesis.py": 12,
    "tests/acceptance/test_deciding.py": 12,
    "tests/acceptance/test_mcp.py": 10,
    "tests/acceptance/test_handover.py": 9,
    "tests/agents/test_through_a_node.py": 9,
    "tests/acceptance/test_watch.py": 8,
    "tests/architecture": 8,
    "tests/acceptance/test_injection.py": 7,
    "tests/acceptance/test_killing.py": 7,
}
"""Modules, or folders that stay together, and about how many seconds they take; only their proportions count. All are
here that take 15 s, or hold a test of 10 s."""

MANY_WORKERS = 4
"""From so many workers on one begins with quick tests."""

Test = TypeVar("Test")


def shares(seconds: Mapping[str, float], workers: int) -> list[list[str]]:
    """The modules for each worker, the slowest first: each goes to the one that has least to do so far."""
    found: list[list[str]] = [[] for _ in range(workers)]
    load = [0.0] * workers
    for module in sorted(seconds, key=lambda name: (-seconds[name], name)):
        least = load.index(min(load))
        found[least].append(module)
        load[least] += seconds[module]
    return found


def sizes(count: int, workers: int) -> list[int]:
    """How many tests each worker is given in the beginning, one run after the other."""
    found: list[int] = []
    for left in range(workers, 0, -1):
        found.append((count - sum(found)) // left)
    return found


def ordered(tests: Iterable[tuple[str, Test]], workers: int) -> list[Test]:
    """The tests, given with their modules, in the order in which they are best collected. All, and each once."""
    modules: dict[str, list[Test]] = {}
    for module, test in tests:
        modules.setdefault(_bundle(module), []).append(test)
    slow = {name: float(SLOW[name]) for name in modules if name in SLOW}
    quick = [test for name, found in modules.items() if name not in slow for test in found]
    runs, late = [], []
    beginning = [*shares(slow, workers - 1), []] if workers >= MANY_WORKERS else shares(slow, workers)
    for share, size in zip(beginning, sizes(len(quick) + _count(modules, slow), workers), strict=True):
        first = [test for name in share for test in modules[name]]
        late += first[size:]  # more slow tests than a run has room for: only when few modules are chosen
        runs.append((first[:size], size))
    quick = late + quick
    found: list[Test] = []
    for first, size in runs:
        room = size - len(first)
        found += first + quick[:room]
        quick = quick[room:]
    return found


def _bundle(module: str) -> str:
    return next((name for name, members in TOGETHER.items() if module.startswith(members)), module)


def _count(modules: Mapping[str, list[Test]], names: Iterable[str]) -> int:
    return sum(len(modules[name]) for name in names)
