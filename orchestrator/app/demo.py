"""The demo: does the main job work on this machine? Two real processes, one bare repository, four missions.

A person's part is done with plain git, a node's by `shiftbook node run`; what is checked at the end is what a person
would look at. Nothing outside the throw-away folder is touched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from missions.mission import BY_POLICY
from orchestrator.app import wiring
from orchestrator.app.demo_fleet import DemoFleet

TICKS = 8
"""Seconds that the long mission runs; its worker is killed half-way."""

CHANGE_MISSION = """\
---
title: Count the Python files
project: {project}
agent: command
run: |
  printf '# Inventory\\n\\n%s Python files\\n' "$(find . -name '*.py' | wc -l)" > INVENTORY.md
  echo "see INVENTORY.md" >> README.md
scope: ["INVENTORY.md", "README.md"]
---
Write down how many Python files there are.
"""
FACT = "- Results of this fleet are reviewed on Thursdays at 10:00."
"""Stands in the project's handoff, so that the answer to a question can be checked."""
QUESTION_MISSION = """\
---
title: A question about the handoff
project: {project}
---
When are results of this fleet reviewed?
"""
BROKEN_MISSION = """\
---
title: A mission with a typo
priority: high
---
This file stays where it is until somebody mends line 3.
"""
LONG_MISSION = """\
---
title: A long count
project: {project}
agent: command
run: for i in $(seq 1 {ticks}); do echo "tick $i"; sleep 1; done; echo "counted to {ticks}" > COUNT.txt
---
Count slowly, and write the result down.
"""


POLICY_TOML = """\
on_approval = "merge"
[projects.{project}.policy]
auto_approve = {{max_lines = 5, paths = ["COUNT.txt"], tests = "any", tier = "untried"}}
"""
"""What the long count writes may pass without a person; everything else waits for one."""


@dataclass(frozen=True, kw_only=True)
class DemoStep:
    """One thing that was shown."""

    name: str
    ok: bool
    detail: str


def run_demo(stage: DemoFleet) -> list[DemoStep]:
    """The whole demo. Raises DemoFailed when it cannot go on; what merely came out wrong is a Step that is not ok."""
    _build(stage)
    worker = stage.start("worker")
    stage.push("a-long-count", LONG_MISSION.format(project=stage.project, ticks=TICKS))
    progress = stage.folder / "worker" / "work" / "a-long-count-1" / "progress.txt"
    stage.wait("the worker counts", lambda: f"tick {TICKS // 2}" in _text(progress))
    stage.start("hq")
    worker.process.kill()
    worker.process.wait()
    stage.tell("you", {"event": "killed", "text": "the worker's process, with SIGKILL, half-way through its count"})
    stage.push("count-the-files", CHANGE_MISSION.format(project=stage.project))
    stage.push("what-is-this", QUESTION_MISSION.format(project=stage.project))
    stage.push("a-typo", BROKEN_MISSION)
    stage.wait("a result waits for a person", lambda: stage.missions()["count-the-files"]["status"] == "review")
    said = stage.shiftbook("mission", "approve", "count-the-files", "-m", "as I wanted it").strip()
    stage.tell("you", {"event": "approved", "text": said})
    wanted = ("count-the-files", "what-is-this", "a-long-count")
    stage.wait("three missions are done", lambda: all(_status(stage, name) == "done" for name in wanted))
    return [
        _check_change(stage),
        _check_decision(stage),
        _check_answer(stage),
        _check_quarantine(stage),
        _check_takeover(stage),
        _check_clean_end(stage),
    ]


def _build(stage: DemoFleet) -> None:
    """The fleet: a project, a ledger with its documents, two nodes that know each other."""
    home = stage.folder / "home"
    home.mkdir(parents=True)
    (home / ".gitconfig").write_text("[user]\n\tname = you\n\temail = you@shiftbook.invalid\n", encoding="utf-8")
    _project(stage)
    stage.shiftbook("init", str(stage.ledger))
    settings = stage.ledger / "fleet.toml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("beat_seconds = 60  ", "beat_seconds = 1   ").replace("[5, 30]   ", "[0.5, 2.0]")
    why = wiring.sandbox(required=True).missing()
    if why is not None:
        text = text.replace('sandbox = "required"', 'sandbox = "optional"')
        stage.tell("you", {"event": "sandbox", "text": f"commands run without one: {why}"})
    url = stage.folder / "project.git"
    policy = POLICY_TOML.format(project=stage.project)
    settings.write_text(f'{text}\n[projects.{stage.project}]\nurl = "{url}"\n{policy}', encoding="utf-8")
    _documents(stage)
    stage.git("add", "--all")
    stage.git("commit", "--quiet", "-m", "The fleet's settings and documents")
    stage.git("push", "--quiet")
    stage.shiftbook("join", str(stage.bare), str(stage.folder / "worker-clone"), node="worker")
    key = stage.folder / "worker" / "keys" / "node.pub"
    stage.shiftbook("fleet", "admit", "worker", "--role", "node", "--key", str(key))
    stage.git("pull", "--quiet", "--rebase")
    stage.tell("you", {"event": "founded", "text": f"a fleet of two over {stage.bare.name}"})


def _project(stage: DemoFleet) -> None:
    """The project that the missions work on: this program's own repository, or a small one when it is not at hand."""
    source = Path(__file__).resolve().parents[2]
    bare = stage.folder / "project.git"
    if (source / ".git").exists() and (source / "pyproject.toml").exists():
        stage.git("clone", "--quiet", "--bare", str(source), str(bare), folder=stage.folder)
        stage.git("branch", "--quiet", "--force", "main", "HEAD", folder=bare) if _branch(stage, bare) != "main" else ""
        return
    stage.project = "sample"
    made = stage.folder / "sample"
    stage.git("init", "--quiet", "--initial-branch=main", str(made), folder=stage.folder)
    (made / "README.md").write_text("# Sample\n\nA small project for the demo.\n", encoding="utf-8")
    (made / "sample.py").write_text("print('hello')\n", encoding="utf-8")
    stage.git("add", "--all", folder=made)
    stage.git("commit", "--quiet", "-m", "A small project", folder=made)
    stage.git("clone", "--quiet", "--bare", str(made), str(bare), folder=stage.folder)


def _branch(stage: DemoFleet, bare: Path) -> str:
    return stage.git("symbolic-ref", "--short", "HEAD", folder=bare)


def _documents(stage: DemoFleet) -> None:
    """The project's own handoff documents become the ledger's tiers, with one fact that is asked for."""
    folder = stage.ledger / "projects" / stage.project
    folder.mkdir(parents=True)
    bare = stage.folder / "project.git"
    names = stage.git("ls-tree", "--name-only", "main", folder=bare).splitlines()
    for name, target in {
        "PORTFOLIO_CONTEXT.md": stage.ledger / "PORTFOLIO_CONTEXT.md",
        "SESSION_LOG.md": folder / "SESSION_LOG.md",
        "README.md": folder / "PROJECT_CONTEXT.md",
    }.items():
        if name in names:
            target.write_text(stage.git("show", f"main:{name}", folder=bare) + "\n", encoding="utf-8")
    known = folder / "PROJECT_CONTEXT.md"
    known.write_text(f"{_text(known)}\n## In this demo\n\n{FACT}\n", encoding="utf-8")


def _status(stage: DemoFleet, name: str) -> str:
    found = stage.missions().get(name)
    return str(found["status"]) if found and found["path"].startswith("missions/archive/") else ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _journal(stage: DemoFleet, name: str) -> bool:
    log = stage.git("show", f"main:projects/{stage.project}/SESSION_LOG.md", folder=stage.bare)
    return f"<!-- entry: {name}-" in log


def _step(name: str, checks: dict[str, bool], detail: str) -> DemoStep:
    missing = [what for what, ok in checks.items() if not ok]
    return DemoStep(name=name, ok=not missing, detail=detail if not missing else f"missing: {', '.join(missing)}")


def _check_change(stage: DemoFleet) -> DemoStep:
    shown = stage.show("count-the-files")
    branches = stage.git("branch", "--list", "shiftbook/*", folder=stage.folder / "project.git")
    checks = {
        "a diff with the new file": "+++ b/INVENTORY.md" in shown["diff"],
        "the branch in the project": "shiftbook/count-the-files/1" in branches,
        "a result in the file": "## Result" in shown["text"],
        "a memo": bool(shown["memo"]),
        "a journal entry": _journal(stage, "count-the-files"),
    }
    return _step(
        "a command mission changes files", checks, f"{shown['diff'].count('diff --git')} files, {shown['branch']}"
    )


def _check_decision(stage: DemoFleet) -> DemoStep:
    project = stage.folder / "project.git"
    mine, counted = stage.show("count-the-files"), stage.show("a-long-count")
    main = stage.git("ls-tree", "--name-only", "main", folder=project).splitlines()
    checks = {
        "a person approved one result": (mine["decision"], mine["decided_by"]) == ("approved", "you"),
        "a rule accepted the other": (counted["decision"], counted["decided_by"]) == ("approved", BY_POLICY),
        "both are merged": bool(mine["merged"] and counted["merged"]) and {"INVENTORY.md", "COUNT.txt"} <= set(main),
    }
    detail = f"you: {mine['merged'][:10]}, by the rule: {counted['merged'][:10]}"
    return _step("results are merged when a person or a rule says so", checks, detail)


def _check_answer(stage: DemoFleet) -> DemoStep:
    """The answer is the one that the handoff has, with the place where it stands: a wrong one fails the demo."""
    shown = stage.show("what-is-this")
    judged = re.search(r"^- (.* is a toy: .*)$", shown["text"], re.MULTILINE)
    checks = answer_checks(shown["text"], stage.project) | {
        "a memo": bool(shown["memo"]),
        "a journal entry": _journal(stage, "what-is-this"),
    }
    detail = f"“on Thursdays at 10:00”, from its handoff{f'; {judged[1]}' if judged else ''}"
    return _step("a question is answered rightly, and says where that stands", checks, detail)


def answer_checks(text: str, project: str) -> dict[str, bool]:
    """Whether a mission's text holds the right answer to the demo's question, and the line that it is from."""
    said = text.partition("## Result")[2]
    return {
        "what the handoff says": re.search(r"thursdays? at 10", said, re.IGNORECASE) is not None,
        "the line that says so": f"[projects/{project}/PROJECT_CONTEXT.md:" in said,
    }


def _check_quarantine(stage: DemoFleet) -> DemoStep:
    found = stage.missions().get("a-typo", {})
    checks = {
        "it is listed as quarantined": found.get("status") == "quarantined",
        "its reason": "priority" in str(found.get("reason")),
        "its line": found.get("line") == 3,
    }
    detail = f"line {found.get('line')}: {found.get('reason')}"
    return _step("a broken file is shown with its reason", checks, detail)


def _check_takeover(stage: DemoFleet) -> DemoStep:
    shown = stage.show("a-long-count")
    said = re.search(r"took over from worker after ([^\n]*) of silence", shown["text"])
    checks = {
        "hq took over from the worker": said is not None and shown["node"] == "hq",
        "the second attempt": shown["attempt"] == 2,
        "the result of one attempt only": shown["text"].count("· done ·") == 1,
        "a journal entry": _journal(stage, "a-long-count"),
    }
    return _step("a killed worker's mission is taken over", checks, f"hq {said[0]}" if said else "")


def _check_clean_end(stage: DemoFleet) -> DemoStep:
    said = stage.git("fsck", "--strict", "--no-dangling", folder=stage.bare)
    claims = stage.git("for-each-ref", "refs/shiftbook/claim", folder=stage.bare)
    checks = {"git fsck finds nothing": "error" not in said, "no claim is left": not claims}
    return _step("the shared repository is clean", checks, "git fsck: nothing; claims left: none")
