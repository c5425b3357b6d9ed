"""The demo: does the main job work on this machine? Two real processes, one bare repository, a power cut.

A person's part is done with plain git, a node's by `shiftbook node run`; what is checked at the end is what a person
would look at. Nothing outside the throw-away folder is touched.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from missions.mission import BY_POLICY
from orchestrator.app import wiring
from orchestrator.app.demo_fleet import HQ, DemoFleet
from orchestrator.core.settings import Settings

DESK = "desktop"
"""The node that loses its power."""
STEPS = 6
"""Seconds that the fix takes; its node loses its power half-way."""
LEASE_SECONDS = 5
"""As many as fleet.toml says in the demo: one beat a second, five missed."""

PRICE = """\
# What a parcel costs, by its weight in grams.
if [ "$1" -lt 1000 ]; then echo 4.99; else echo 7.49; fi
"""
TEST = """\
# Each line: a weight, and what it must cost.
while read -r grams cost; do
  [ "$(sh price.sh "$grams")" = "$cost" ] || { echo "$grams g must cost $cost"; exit 1; }
done <<END
999 4.99
1001 7.49
END
"""
FIX_MISSION = """\
---
title: A parcel of exactly 1000 g must cost 4.99
project: {project}
agent: command
run: |
  for step in $(seq 1 {steps}); do echo "step $step of {steps}"; sleep 1; done
  sed -i 's/-lt 1000/-le 1000/' price.sh
  sed -i 's/^999 4.99$/&\\n1000 4.99/' test.sh
scope: ["price.sh", "test.sh"]
---
The limit is inclusive. Add the case to the test.
"""
CHANGE_MISSION = """\
---
title: Begin a changelog
project: {project}
agent: command
run: printf '# Changelog\\n\\n- Prices by weight.\\n' > CHANGELOG.md
scope: ["CHANGELOG.md"]
---
Begin a changelog.
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

PROJECT_TOML = """\
[projects.{project}]
url = "{url}"
test = "sh test.sh"
on_approval = "merge"
[projects.{project}.policy]
auto_approve = {{max_lines = 5, paths = ["CHANGELOG.md"], tests = "passed", tier = "untried"}}
"""
"""The changelog may pass without a person, once the tests have; everything else waits for one."""


@dataclass(frozen=True, kw_only=True)
class DemoStep:
    """One thing that was shown."""

    name: str
    ok: bool
    detail: str


def model_missing(settings: Settings) -> str:
    """Why no model of this machine could answer a question; empty when one can."""
    return wiring.model(settings).missing() or ""


def run_demo(stage: DemoFleet, *, with_model: bool) -> list[DemoStep]:
    """The whole demo. Raises DemoFailed when it cannot go on; what merely came out wrong is a Step that is not ok."""
    _build(stage)
    _lose_power(stage)
    _take_over(stage)
    if with_model:  # only now: loading a model holds a node's beats up, and here a lease is short
        stage.push("what-is-this", QUESTION_MISSION.format(project=stage.project))
    _approve(stage)
    wanted = ("fix-the-limit", "begin-a-changelog", *(["what-is-this"] if with_model else []))
    stage.wait(
        "the answer and the merge" if with_model else "the merge",
        lambda: all(_status(stage, name) == "done" for name in wanted),
        lambda: ", ".join(name for name in wanted if _status(stage, name) != "done"),
    )
    checks = [_check_takeover(stage), _check_decision(stage), _check_rule(stage), _check_quarantine(stage)]
    answered = _check_answer(stage) if with_model else DemoStep(name=UNASKED, ok=True, detail="no model is here")
    return [*checks, answered, _check_clean_end(stage)]


UNASKED = "a question was left out"


def _lose_power(stage: DemoFleet) -> None:
    """A mission is filed, one node begins it, and is gone half-way."""
    desktop = stage.start(DESK)
    stage.push("fix-the-limit", FIX_MISSION.format(project=stage.project, steps=STEPS))
    progress = stage.folder / DESK / "work" / "fix-the-limit-1" / "progress.txt"
    half = f"step {STEPS // 2}"
    stage.wait(f"{DESK} to be half-way", lambda: half in _text(progress), lambda: _last_line(progress))
    desktop.kill()
    stage.screen.tell(DESK, {"event": "killed", "text": "no power: its process got SIGKILL, half-way through the work"})


def _take_over(stage: DemoFleet) -> None:
    """The other node hears nothing of the first for a lease, and does its work; and what else was filed."""
    stage.start(HQ)
    stage.push("begin-a-changelog", CHANGE_MISSION.format(project=stage.project))
    stage.push("a-typo", BROKEN_MISSION, checked=False)
    stage.wait(f"{HQ} to take over", lambda: stage.heard(HQ, "took over"), lambda: _silence(stage))
    progress = stage.folder / HQ / "work" / "fix-the-limit-2" / "progress.txt"
    stage.wait(
        "the fix to come back",
        lambda: stage.missions()["fix-the-limit"]["status"] == "review",
        lambda: _last_line(progress),
    )


def _approve(stage: DemoFleet) -> None:
    """The person reads the diff, and accepts it."""
    diff = stage.show("fix-the-limit")["diff"]
    stage.say("review", f"the diff: {_size(diff)}, the project's tests passed")
    said = stage.shiftbook("mission", "approve", "fix-the-limit", "-m", "as I wanted it").strip()
    stage.say("approved", said)


def _silence(stage: DemoFleet) -> str:
    """The countdown to the takeover. A node that just started has to hear the silence for a whole lease itself."""
    seconds = time.monotonic() - max(node.killed for node in stage.nodes)
    if not stage.heard(HQ, "ready"):
        return f"{DESK} is silent for {seconds:.0f} s; {HQ} starts"
    left = LEASE_SECONDS - (time.monotonic() - stage.ready_since(HQ))
    return f"{DESK} is silent for {seconds:.0f} s; its lease ends in {max(left, 0):.0f} s"


def _size(diff: str) -> str:
    lines = diff.splitlines()
    added = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
    return f"+{added} −{sum(line.startswith('-') and not line.startswith('---') for line in lines)}"


def _last_line(path: Path) -> str:
    return next((line for line in reversed(_text(path).splitlines()) if line.strip()), "")


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
    text = text.replace("lease_beats = 3 ", f"lease_beats = {LEASE_SECONDS} ")
    stage.say("settings", f"a beat each second, so that a lease is over after {LEASE_SECONDS}; by default it is 180")
    why = wiring.sandbox(required=True).missing()
    if why is not None:
        text = text.replace('sandbox = "required"', 'sandbox = "optional"')
        stage.say("sandbox", f"commands run without one: {why}")
    url = stage.folder / "project.git"
    project = PROJECT_TOML.format(project=stage.project, url=url)
    settings.write_text(f"{text}\n{project}", encoding="utf-8")
    _documents(stage)
    stage.git("add", "--all")
    stage.git("commit", "--quiet", "-m", "The fleet's settings and documents")
    stage.git("push", "--quiet")
    stage.shiftbook("join", str(stage.bare), str(stage.folder / "desktop-clone"), node=DESK)
    key = stage.folder / DESK / "keys" / "node.pub"
    stage.shiftbook("fleet", "admit", DESK, "--role", "node", "--key", str(key))
    stage.git("pull", "--quiet", "--rebase")
    stage.say("founded", f"a fleet of two over {stage.bare.name}, a plain bare repository")


def _project(stage: DemoFleet) -> None:
    """The project that the missions work on: two files, so that every line of the diff can be read."""
    made, bare = stage.folder / "project", stage.folder / "project.git"
    stage.git("init", "--quiet", "--initial-branch=main", str(made), folder=stage.folder)
    (made / "README.md").write_text("# Parcel\n\nSays what a parcel costs.\n", encoding="utf-8")
    (made / "price.sh").write_text(PRICE, encoding="utf-8")
    (made / "test.sh").write_text(TEST, encoding="utf-8")
    stage.git("add", "--all", folder=made)
    stage.git("commit", "--quiet", "-m", "Prices by weight", folder=made)
    stage.git("clone", "--quiet", "--bare", str(made), str(bare), folder=stage.folder)


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


def _check_takeover(stage: DemoFleet) -> DemoStep:
    shown = stage.show("fix-the-limit")
    said = re.search(rf"took over from {DESK} after ([^\n]*) of silence", shown["text"])
    checks = {
        f"{HQ} took over from the {DESK}": said is not None and shown["node"] == HQ,
        "the second attempt": shown["attempt"] == 2,
        "the result of one attempt only": shown["text"].count("· done ·") == 1,
        "a memo": bool(shown["memo"]),
        "a journal entry": _journal(stage, "fix-the-limit"),
    }
    return _step("a killed node's mission is taken over", checks, f"{HQ} {said[0]}" if said else "")


def _check_decision(stage: DemoFleet) -> DemoStep:
    project, shown = stage.folder / "project.git", stage.show("fix-the-limit")
    checks = {
        "a diff of the price and its test": shown["diff"].count("diff --git") == 2,
        "tests that passed": "the project's tests passed" in shown["text"],
        "your approval": (shown["decision"], shown["decided_by"]) == ("approved", "you"),
        "the fix in main": "-le 1000" in stage.git("show", "main:price.sh", folder=project) and bool(shown["merged"]),
    }
    detail = f"{_size(shown['diff'])}, the project's tests passed, {shown['merged'][:10]} in main"
    return _step("what you approved is merged", checks, detail)


def _check_rule(stage: DemoFleet) -> DemoStep:
    project, shown = stage.folder / "project.git", stage.show("begin-a-changelog")
    checks = {
        "a rule accepted it": (shown["decision"], shown["decided_by"]) == ("approved", BY_POLICY),
        "it is merged": "CHANGELOG.md" in stage.git("ls-tree", "--name-only", "main", folder=project).splitlines(),
    }
    return _step("a small change passes by your rule", checks, f"{shown['merged'][:10]} in main")


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


def _check_clean_end(stage: DemoFleet) -> DemoStep:
    said = stage.git("fsck", "--strict", "--no-dangling", folder=stage.bare)
    claims = stage.git("for-each-ref", "refs/shiftbook/claim", folder=stage.bare)
    checks = {"git fsck finds nothing": "error" not in said, "no claim is left": not claims}
    return _step("the shared repository is clean", checks, "git fsck: nothing; claims left: none")
