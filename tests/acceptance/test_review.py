"""A review dies, runs twice, or meets a person's edit: nothing is lost and nothing counts twice."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import psutil

from tests import program
from tests.acceptance.fleets import Fleet
from tests.journals import BRIEFING, BRIEFING_PATH, RULES, SHOP_LOG, entry, log
from tests.waiting import PATIENCE, until

SHOP = '\n[projects.shop]\nurl = "/nowhere/shop.git"\n'
COUNT = 800
"""Entries: a review of so many takes seconds."""
HELD = """\
#!/bin/sh
# While there is a file `held` no briefing is taken in: who hands one in waits, and is refused when the file is gone.
while read -r old new ref; do
  [ "$ref" = refs/heads/main ] && git diff --name-only "$old" "$new" | grep -q SESSION_BRIEFING && briefing=yes
done
[ -z "$briefing" ] || [ ! -e held ] && exit 0
while [ -e held ]; do sleep 0.1; done
exit 1
"""


def many(count: int) -> str:
    """A log in which each entry states a fact of its own, and a step. It is this month's: a node puts those of others
    away."""
    month = f"{datetime.now(UTC):%Y-%m}"
    said = (f"Setting {number}: {number * 7}" for number in range(count))
    return log(
        *(entry(f"e{n}", f"{month}-01T00:00:00Z", did=text, next_=f"- Check rack {n}") for n, text in enumerate(said))
    )


def prepare(fleet: Fleet, *, cron: str = "", count: int = COUNT) -> None:
    """A ledger with one project, its briefing and a long log."""
    settings = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    schedule = f'\n[review]\ncron = "{cron}"\n' if cron else ""
    fleet.commit({"fleet.toml": settings + SHOP + schedule, BRIEFING_PATH: BRIEFING, SHOP_LOG: many(count)})


def briefing(fleet: Fleet) -> str:
    """The briefing on the branch."""
    return fleet.git("show", f"main:{BRIEFING_PATH}", folder=fleet.bare)


def sound(fleet: Fleet, count: int) -> None:
    """Every fact once, the rules and the log as they were, the repository whole."""
    text = briefing(fleet)
    facts = Counter(re.findall(r"^- (Setting \d+): \d+", text, re.M))
    assert facts == Counter({f"Setting {number}": 1 for number in range(count)}), fleet.words()
    ids = Counter(re.findall(r"<!-- item: (\S+?)[; ]", text))
    assert set(ids.values()) == {1}
    assert RULES in text
    assert fleet.git("show", f"main:{SHOP_LOG}", folder=fleet.bare).split() == many(count).split()
    assert fleet.git("fsck", "--strict", "--no-dangling", folder=fleet.bare) == ""


def append(fleet: Fleet, line: str) -> None:
    """A person adds a line at the end of the briefing with plain git, again when somebody was faster."""
    path = fleet.clone / BRIEFING_PATH
    while True:
        fleet.git("fetch", "--quiet")
        fleet.git("reset", "--quiet", "--hard", "origin/main")
        path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + f"\n{line}\n", encoding="utf-8")
        fleet.git("commit", "--quiet", "--all", "-m", "A person's line")
        push = ["git", "push", "--quiet", "--no-verify"]
        env = fleet.environment("nobody")
        if subprocess.run(push, cwd=fleet.clone, env=env, capture_output=True, check=False).returncode == 0:
            return


def test_a_review_that_is_killed_is_done_once_by_the_next_node(fleet: Fleet) -> None:
    """SIGKILL in the middle of a due review: another node takes the mission over, and each item is there once."""
    fleet.lease = 15.0
    fleet.found("hq", "worker")
    prepare(fleet, cron="* * * * *")
    hook, held = fleet.bare / "hooks" / "pre-receive", fleet.bare / "held"
    hook.write_text(HELD, encoding="utf-8")
    hook.chmod(0o755)
    held.touch()
    fleet.fresh = True
    fleet.start("hq", FACTORY_ROLE="HEADQUARTERS")
    name = r"review-\d{4}-\d\d-\d\d-\d{4}"
    until(lambda: any(event["event"] == "started" for event in fleet.events("hq")), "it reviews")
    begun = psutil.Process(fleet.running["hq"].pid).children(recursive=True)
    fleet.kill("hq")
    for each in begun:  # a push that is on its way dies with it, as where the power goes
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(begun, PATIENCE)
    held.unlink()
    fleet.fresh = False
    assert "reviewed" not in briefing(fleet)
    fleet.start("worker", FACTORY_ROLE="LOCAL_WORKER")

    def done() -> bool:
        archive = fleet.git("ls-tree", "-r", "--name-only", "main", "--", "missions/archive", folder=fleet.bare)
        return bool(re.search(rf"{name}\.md", archive))

    fleet.wait("the review is done", done)
    assert fleet.stop("worker") == 0
    sound(fleet, COUNT)
    reviews = [m for m in fleet.missions().values() if re.fullmatch(name, m["name"])]
    assert [(m["status"], m["node"], m["attempt"]) for m in reviews] == [("done", "worker", 2)], fleet.words()
    messages = fleet.git("log", "--format=%s", "main", "--", BRIEFING_PATH, folder=fleet.bare).splitlines()
    assert sum(line.startswith("Review of shop") for line in messages) == 1


def elsewhere(fleet: Fleet, node: str) -> subprocess.CompletedProcess[str]:
    """A review by somebody on a machine of their own."""
    return program.run("review", "run", "--json", env=fleet.environment(node), cwd=fleet.folder)


def test_reviews_at_once_and_a_person_who_edits_meanwhile(fleet: Fleet) -> None:
    """Three people review at the same time while one of them edits the briefing with plain git, again and again."""
    fleet.found("ada", "bob")
    prepare(fleet, count=60)
    with ThreadPoolExecutor() as threads:
        running = [threads.submit(elsewhere, fleet, node) for node in ("ada", "bob", "ada")]
        for number in range(6):
            append(fleet, f"- A person's line {number}")
    ended = [each.result() for each in running]
    assert [each.returncode for each in ended] == [0, 0, 0], ended
    told = [json.loads(each.stdout) for each in ended]
    assert (
        len({one["commit"] for each in told for one in each if one["entries"]}) == 1
    )  # may be two words for one commit
    fleet.git("pull", "--quiet", "--rebase")
    text = briefing(fleet)
    for number in range(6):
        assert text.count(f"A person's line {number}") == 1
    sound(fleet, 60)
