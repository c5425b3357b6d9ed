"""A result is looked at, decided and merged with the commands that a person types, by real processes."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests import program
from tests.acceptance.fleets import Fleet, command
from tests.acceptance.test_serving import connect, get, serving
from tests.orchestrator.repositories import Server, git


def founded(fleet: Fleet, tmp_path: Path, more: str = 'on_approval = "merge"') -> Server:
    """A fleet of one node with a project that is a real repository; ben, an author, has a clone and a key of his."""
    (tmp_path / "project").mkdir()
    server = Server.make(tmp_path / "project")
    fleet.found("hq")
    text = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    fleet.commit({"fleet.toml": f'{text}\n[projects.shop]\nurl = "{server.folder}"\n{more}\n'}, "A project")
    return server


def second(fleet: Fleet) -> str:
    """Lets ben in, on a machine of his own; returns that machine's name."""
    fleet.shiftbook("join", str(fleet.bare), str(fleet.folder / "clone-ben"), node="ben-desk")
    key = next((fleet.folder / "ben-desk" / "keys").glob("[!n]*.pub"))
    fleet.shiftbook("fleet", "admit", "ben", "--role", "author", "--key", str(key), node="hq")
    return "ben-desk"


def works(fleet: Fleet, run: str, name: str = "fix", **fields: object) -> dict[str, Any]:
    """Files a command mission, has the node do it, and returns what the mission is then."""
    fleet.commit({f"missions/{name}.md": command(run, project="shop", **fields)}, "A mission")
    fleet.shiftbook("node", "run", "--once", node="hq", FACTORY_ROLE="HEADQUARTERS")
    return fleet.show(name)


def test_a_result_is_shown_rejected_done_again_and_merged(fleet: Fleet, tmp_path: Path) -> None:
    """diff, --stat, --why, reject, the next attempt's comment, approve, their JSON and their exit codes."""
    server = founded(fleet, tmp_path)
    shown = works(fleet, "echo one > new.txt; chmod +x README.md; printf 'a\\0b' > data.bin")
    assert shown["status"] == "review", fleet.words()

    out = fleet.shiftbook("mission", "diff", "fix", node="hq")
    assert "+one" in out
    assert "\x1b" not in out
    stat = fleet.shiftbook("mission", "diff", "fix", "--stat", node="hq")
    assert "README.md +0 −0 mode: executable" in " ".join(stat.split())
    assert "data.bin" in stat
    assert "binary" in stat
    files = json.loads(fleet.shiftbook("mission", "diff", "fix", "--json", node="hq"))["files"]
    assert {one["path"]: one["notes"] for one in files} == {
        "README.md": ["mode: executable"],
        "data.bin": ["new", "binary"],
        "new.txt": ["new"],
    }
    why = fleet.shiftbook("mission", "show", "fix", "--why", node="hq")
    assert "✗ auto_approve: no auto_approve rule lets it pass without you" in why
    assert "the agent here is untried" in why
    assert fleet.run("mission", "reject", "fix", node="hq").returncode == 2
    assert fleet.run("mission", "approve", "nothing", node="hq").returncode == 3

    fleet.shiftbook("mission", "reject", "fix", "-m", "no binaries, please", node="hq")
    assert fleet.run("mission", "approve", "fix", node="hq").returncode == 4
    fleet.shiftbook("node", "run", "--once", node="hq", FACTORY_ROLE="HEADQUARTERS")
    shown = fleet.show("fix")
    assert (shown["status"], shown["attempt"], shown["comment"]) == ("review", 2, "no binaries, please")

    done = json.loads(fleet.shiftbook("mission", "approve", "fix", "--json", node="hq"))
    assert done["oid"] == server.refs()["main"]
    shown = fleet.show("fix")
    assert (shown["status"], shown["merged"], shown["decided_by"]) == ("done", done["oid"], "ada")
    told = fleet.run("mission", "approve", "fix", node="hq")
    assert told.returncode == 4
    assert "is decided already: ada approved it at" in told.stderr
    assert git(server.folder, "show", "main:new.txt") == "one"


def test_two_people_at_two_machines_decide_at_the_same_moment(fleet: Fleet, tmp_path: Path) -> None:
    """Two processes over one bare repository: one decides, the other is told who was faster, with exit code 4."""
    founded(fleet, tmp_path, 'on_approval = "nothing"')
    desk = second(fleet)
    for number in range(3):
        name = f"fix-{number}"
        assert works(fleet, f"echo {number} > {name}.txt", name)["status"] == "review"
        words = {"hq": ("approve", name), desk: ("reject", name, "-m", "not so")}
        with ThreadPoolExecutor() as threads:
            running = {
                node: threads.submit(
                    program.run,
                    *("mission", *said),
                    cwd=fleet.folder / "clone-ben" if node == desk else fleet.clone,
                    env=fleet.environment(node, **({"HOME": str(_home(fleet))} if node == desk else {})),
                )
                for node, said in words.items()
            }
        ended = {node: each.result() for node, each in running.items()}
        assert sorted(each.returncode for each in ended.values()) == [0, 4], ended
        winner = next(node for node, end in ended.items() if end.returncode == 0)
        loser = next(end for end in ended.values() if end.returncode == 4)
        who = "ada approved" if winner == "hq" else "ben rejected"
        assert f"{name} is decided already: {who} it" in loser.stderr
        assert fleet.show(name)["decided_by"] == who.split()[0]
        if winner == desk:
            fleet.shiftbook("mission", "cancel", name, node="hq")


def _home(fleet: Fleet) -> Path:
    home = fleet.folder / "home-ben"
    home.mkdir(exist_ok=True)
    (home / ".gitconfig").write_text("[user]\n\tname = ben\n\temail = ben@shiftbook.invalid\n", encoding="utf-8")
    return home


def test_a_running_node_finishes_what_is_approved_over_http_or_by_a_rule(fleet: Fleet, tmp_path: Path) -> None:
    """PUT lands the decision, the node merges; a second word is 409; what a rule covers passes by itself."""
    rule = 'on_approval = "merge"\n[projects.shop.policy]\nauto_approve = {max_lines = 5, paths = ["docs/**"], '
    server = founded(fleet, tmp_path, rule + 'tests = "any", tier = "untried"}')
    missions = {
        "missions/fix.md": command("echo one > new.txt", project="shop"),
        "missions/word.md": command("mkdir -p docs; echo hello > docs/hello.md", project="shop"),
    }
    fleet.commit(missions, "Two missions")
    fleet.fresh = True
    fleet.start("hq", FACTORY_ROLE="HEADQUARTERS", SHIFTBOOK_HTTP="127.0.0.1:0")
    fleet.fresh = False
    serving(fleet, "hq")
    fleet.wait("the rule let it pass", lambda: fleet.show("word")["status"] == "done" and fleet.show("word")["merged"])
    assert fleet.show("word")["decided_by"] == "policy"
    assert git(server.folder, "show", "main:docs/hello.md") == "hello"

    fleet.wait("the other one waits", lambda: fleet.show("fix")["status"] == "review")
    home = fleet.folder / "hq"
    status, why = get(home, "/api/v1/missions/fix/approval")
    assert status == 200
    assert next(rule["rule"] for rule in why["rules"] if not rule["passed"]) == "auto_approve.paths"
    assert put(home, "fix", {"state": "rejected"})[0] == 422
    assert put(home, "fix", {"state": "approved", "commit": "0" * 40})[0] == 409
    assert put(home, "nothing", {"state": "approved"})[0] == 404
    status, told = put(home, "fix", {"state": "approved"})
    assert (status, told["by"], told["on_approval"]) == (200, "ada", "merge")
    status, told = put(home, "fix", {"state": "rejected", "comment": "too late"})
    assert status == 409
    fleet.wait("it is merged", lambda: bool(fleet.show("fix")["merged"]))
    assert git(server.folder, "show", "main:new.txt") == "one"
    assert fleet.show("fix")["status"] == "done"


def put(home: Path, name: str, body: dict[str, str]) -> tuple[int, Any]:
    """A decision over HTTP."""
    with contextlib.closing(connect(home)) as link:
        headers = {"Content-Type": "application/json"}
        link.request("PUT", f"/api/v1/missions/{name}/approval", json.dumps(body), headers)
        answer = link.getresponse()
        return answer.status, json.loads(answer.read())
