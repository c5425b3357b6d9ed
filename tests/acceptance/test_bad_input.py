"""What people get wrong: each mistake gets one line that says what, where and what to do, and nothing is lost."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys

import pytest

from tests.acceptance.fleets import Fleet, command
from tests.conftest import lacking

BAD = {
    "broken-yaml": ("missions/broken-yaml.md", "---\ntitle: [unclosed\npriority: 3\n---\nx\n", "YAML", 3),
    "binary": ("missions/binary.md", b"\x89PNG\r\n\x00\x00", "binary", None),
    "huge": ("missions/huge.md", b"x" * 10_000_000, "10,000,000 bytes", None),
    "odd-task": ("missions/odd-task.md", "---\ntask: juggling\n---\nx\n", "unknown task type", 2),
    "odd-agent": ("missions/odd-agent.md", "---\nagent: skynet\n---\nx\n", "unknown agent", 2),
    "odd-project": ("missions/odd-project.md", "---\nproject: atlantis\n---\nx\n", "unknown project", None),
    "up": ("missions/up.md", '---\nscope: ["../secrets/**"]\n---\nx\n', "leaves the project", 2),
    "a": ("missions/a.md", "---\ndepends_on: [b]\n---\nx\n", "circle", None),
    "b": ("missions/b.md", "---\ndepends_on: [a]\n---\nx\n", "circle", None),
}


def test_every_kind_of_bad_file_is_quarantined_with_its_reason(fleet: Fleet) -> None:
    """Each is listed with reason and line, a node runs all the others, and the bad ones stay on the branch, each until
    the commit that mends it."""
    fleet.found("desk")
    files: dict[str, str | bytes | None] = {path: data for path, data, _, _ in BAD.values()}
    (fleet.clone / "missions" / "link.md").symlink_to("/etc/passwd")
    fleet.commit(
        {
            **files,
            "missions/good.md": command("echo good"),
            "missions/sub/x.md": "Do it.\n",
            "missions/Good!.md": "The same name.\n",
        }
    )
    fleet.shiftbook("node", "run", "--once", node="desk")
    missions = fleet.missions()
    assert missions["good"]["status"] == "done"
    for name, (path, _, reason, line) in BAD.items():
        assert missions[name]["status"] == "quarantined", name
        assert reason in missions[name]["reason"], name
        assert (missions[name]["line"], missions[name]["path"]) == (line, path)
    assert "symbolic link" in missions["link"]["reason"]
    assert "folder of their own" in missions["sub"]["reason"]
    kept = fleet.git("ls-tree", "-r", "--name-only", "main", "--", "missions", folder=fleet.bare).splitlines()
    assert set(files) <= set(kept)
    fleet.commit({"missions/broken-yaml.md": command("echo fine")})
    fleet.shiftbook("node", "run", "--once", node="desk")
    assert fleet.missions()["broken-yaml"]["status"] == "done"


def test_two_names_of_one_mission_are_told_apart(fleet: Fleet) -> None:
    """The plainest spelling is the mission; the other is quarantined and names the first."""
    fleet.found("desk")
    fleet.commit({"missions/fix-auth.md": "First.\n", "missions/Fix Auth.md": "Second.\n"})
    fleet.run("mission", "list", node="desk")
    listed = [m for m in _list(fleet) if m["name"] == "fix-auth"]
    assert sorted(m["status"] for m in listed) == ["quarantined", "queued"]
    assert "missions/fix-auth.md" in next(m["reason"] for m in listed if m["status"] == "quarantined")


def _list(fleet: Fleet) -> list[dict[str, object]]:
    import json

    found: list[dict[str, object]] = json.loads(fleet.shiftbook("mission", "list", "--json", node="desk"))
    return found


@pytest.mark.parametrize("name", ["../../etc/passwd", ".hidden", "a/b", "…"])
def test_a_missions_name_is_never_a_path(fleet: Fleet, name: str) -> None:
    """`mission new --name` refuses paths with exit code 2, and `show` and `trust` do, too."""
    fleet.found("desk")
    for words in (["new", "Do it.", "--name", name], ["show", name], ["trust", name]):
        done = fleet.run("mission", *words, node="desk")
        assert done.returncode == 2, words
        assert done.stderr.startswith("shiftbook: NAME: "), done.stderr
        assert "Traceback" not in done.stderr


def test_a_repository_without_settings_is_no_ledger(fleet: Fleet) -> None:
    """Where there never was a fleet.toml every command says so in one line with the next step, and exits with 2."""
    fleet.found("desk")
    plain = fleet.folder / "plain"
    fleet.git("init", "--quiet", "--initial-branch=main", str(plain), folder=fleet.folder)
    fleet.git("commit", "--quiet", "--allow-empty", "-m", "Nothing", folder=plain)
    for words in (["mission", "list"], ["node", "run", "--once"], ["fleet"]):
        done = fleet.run(*words, node="desk", SHIFTBOOK_LEDGER=str(plain), SHIFTBOOK_HOME=str(fleet.folder / "new"))
        assert done.returncode == 2, words
        assert "fleet.toml is missing" in done.stderr
        assert "shiftbook init" in done.stderr


def test_a_ledger_that_loses_its_settings_goes_on(fleet: Fleet) -> None:
    """When fleet.toml is deleted the version before stays in force, and every command says so."""
    fleet.found("desk")
    fleet.commit({"fleet.toml": None, "missions/hello.md": command("echo hello")})
    fleet.shiftbook("node", "run", "--once", node="desk")
    listed = fleet.run("mission", "list", "--all", node="desk")
    assert "fleet.toml" in listed.stderr
    assert "the version before stays" in listed.stderr
    assert fleet.missions()["hello"]["status"] == "done"


def test_a_remote_that_refuses_pushes_is_named(fleet: Fleet) -> None:
    """The hook's refusal is passed on in one line; the mission stays queued, and runs once the remote agrees."""
    fleet.found("desk")
    fleet.commit({"missions/hello.md": command("echo hello")})
    hook = fleet.bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'this repository is read-only' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    done = fleet.run("node", "run", "--once", node="desk")
    assert done.returncode == 1
    assert "the remote refused refs/shiftbook/beat/desk" in done.stderr
    assert "Traceback" not in done.stderr
    hook.unlink()
    fleet.shiftbook("node", "run", "--once", node="desk")
    assert fleet.missions()["hello"]["status"] == "done"


def test_a_remote_that_is_not_there_is_named(fleet: Fleet) -> None:
    """With the remote gone, lists show what was last seen and say so; a node says why and ends with 1."""
    fleet.found("desk")
    fleet.commit({"missions/hello.md": command("echo hello")})
    fleet.missions()
    fleet.bare.rename(fleet.folder / "moved.git")
    listed = fleet.run("mission", "list", node="desk")
    assert listed.returncode == 0
    assert "cannot reach" in listed.stderr
    assert "showing what was last seen" in listed.stderr
    assert "Do it." in listed.stdout
    assert fleet.run("node", "run", "--once", node="desk").returncode == 1


def test_a_revoked_keys_missions_do_not_run(fleet: Fleet) -> None:
    """After `fleet revoke`, what that key signed is untrusted with the reason, until an author vouches for it."""
    fleet.found("desk")
    fleet.shiftbook("join", str(fleet.bare), str(fleet.folder / "clone-eve"), node="eve")
    key = fleet.folder / "eve" / "keys" / "person.pub"
    fleet.shiftbook("fleet", "admit", "eve", "--role", "author", "--key", str(key), node="desk")
    fleet.shiftbook("mission", "new", "--name", "sneaky", "--run", "echo sneaky", node="eve")
    fleet.shiftbook("fleet", "revoke", "eve", node="desk")
    fleet.shiftbook("node", "run", "--once", node="desk")
    mission = fleet.missions()["sneaky"]
    assert mission["status"] == "untrusted"
    assert "not signed by a key in allowed_signers" in mission["reason"]
    fleet.shiftbook("mission", "trust", "sneaky", node="desk")
    fleet.shiftbook("node", "run", "--once", node="desk")
    assert fleet.missions()["sneaky"]["status"] == "done"


def test_a_key_is_rotated_and_the_fleet_goes_on(fleet: Fleet) -> None:
    """An admin's own key: the new one signs from then on, the old one no longer counts, and what hung on it is told."""
    fleet.found("desk")
    fleet.shiftbook("mission", "new", "--name", "before", "--run", "echo before", node="desk")
    told = fleet.shiftbook("fleet", "rotate", node="desk")
    assert "before was signed by the old key and is untrusted now: shiftbook mission trust before" in told
    assert len(list((fleet.folder / "desk" / "keys").glob("person.until-*"))) == 2
    fleet.shiftbook("fleet", "rotate", "--node", node="desk")
    fleet.shiftbook("mission", "new", "--name", "after", "--run", "echo after", node="desk")
    fleet.shiftbook("mission", "trust", "before", node="desk")
    fleet.shiftbook("node", "run", "--once", node="desk")
    assert {fleet.missions("--all")[name]["status"] for name in ("before", "after")} == {"done"}


def test_a_line_that_somebody_pushed_unasked_can_still_be_admitted(fleet: Fleet) -> None:
    """The very bytes stand on the branch already, unsigned; the admin's word puts them in force all the same."""
    fleet.found("desk")
    fleet.shiftbook("join", str(fleet.bare), str(fleet.folder / "clone-eve"), node="eve")
    key = fleet.folder / "eve" / "keys" / "person.pub"
    words = key.read_text(encoding="utf-8").split()
    rogue = fleet.folder / "rogue"
    fleet.git("clone", "--quiet", str(fleet.bare), str(rogue), folder=fleet.folder)
    with (rogue / "allowed_signers").open("a", encoding="utf-8") as file:
        file.write(f'eve,role=author namespaces="git" {words[0]} {words[1]}\n')
    fleet.git("-c", "commit.gpgsign=false", "commit", "--quiet", "-am", "let me in", folder=rogue)
    fleet.git("push", "--quiet", "--no-verify", folder=rogue)
    assert "eve" not in fleet.shiftbook("fleet", "who", node="desk")
    fleet.shiftbook("fleet", "admit", "eve", "--role", "author", "--key", str(key), node="desk")
    assert "eve" in fleet.shiftbook("fleet", "who", node="desk")


def test_who_is_no_admin_is_told_what_an_admin_must_type(fleet: Fleet) -> None:
    """The new key is kept; once an admin has listed it, the same command puts it in place."""
    fleet.found("desk")
    fleet.shiftbook("join", str(fleet.bare), str(fleet.folder / "clone-bert"), node="bert")
    keys = fleet.folder / "bert" / "keys"
    fleet.shiftbook("fleet", "admit", "bert", "--role", "author", "--key", str(keys / "person.pub"), node="desk")
    refused = fleet.run("fleet", "rotate", node="bert")
    assert refused.returncode == 4
    assert "shiftbook fleet admit bert --role author --key 'ssh-ed25519" in refused.stderr
    new = (keys / "person.new.pub").read_text(encoding="utf-8")
    fleet.shiftbook("fleet", "admit", "bert", "--role", "author", "--key", new, node="desk")
    fleet.shiftbook("fleet", "rotate", node="bert")
    assert (keys / "person.pub").read_text(encoding="utf-8") == new


def test_an_unsigned_commit_cannot_make_machines_act(fleet: Fleet) -> None:
    """Neither a mission nor a key that was pushed without a listed signature has any effect."""
    fleet.found("desk")
    rogue = fleet.folder / "rogue"
    fleet.git("clone", "--quiet", str(fleet.bare), str(rogue), folder=fleet.folder)
    (rogue / "missions" / "evil.md").write_text(command("touch /tmp/shiftbook-evil"), encoding="utf-8")
    with (rogue / "allowed_signers").open("a", encoding="utf-8") as file:
        file.write('mallory,role=admin,role=author namespaces="git" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK\n')
    fleet.git("add", "--all", folder=rogue)
    fleet.git("-c", "commit.gpgsign=false", "commit", "--quiet", "-m", "rogue", folder=rogue)
    fleet.git("push", "--quiet", "--no-verify", folder=rogue)
    done = fleet.run("node", "run", "--once", node="desk")
    assert "is not signed by an admin" in done.stderr
    assert fleet.missions()["evil"]["status"] == "untrusted"
    assert "mallory" not in fleet.shiftbook("fleet", "who", node="desk")


def test_a_full_disk_fails_clearly_and_loses_nothing(fleet: Fleet) -> None:
    """A node whose home is on a full disk says so; the mission is still there and runs where there is room."""
    fleet.found("desk", "small")
    fleet.commit({"missions/hello.md": command("head -c 3000000 /dev/zero > big; echo hello", max_retries=9)})
    home = fleet.folder / "small"
    script = (
        f'set -e; mv "{home}" "{home}.kept"; mkdir "{home}"; mount -t tmpfs -o size=1500k tmpfs "{home}"; '
        f'cp -r "{home}.kept/." "{home}/"; head -c 100M /dev/zero > "{home}/filler" 2>/dev/null || true; '
        f'exec "{sys.executable}" -m orchestrator node run --once'
    )
    words = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    if subprocess.run([*words, "true"], check=False, capture_output=True).returncode != 0:
        lacking("mount namespaces are not allowed here")
    env = fleet.environment("small")
    done = subprocess.run(
        [*words, "sh", "-c", script],
        cwd=fleet.folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert re.search("No space left|the disk is full", done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert fleet.missions()["hello"]["status"] in {"queued", "failed", "running"}
    fleet.shiftbook("node", "run", "--once", node="desk") if fleet.missions()["hello"]["status"] == "queued" else None
    fleet.start("desk")
    fleet.wait("it is done", lambda: fleet.missions()["hello"]["status"] == "done")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("SHIFTBOOK_SLOTS", "many", "SHIFTBOOK_SLOTS"), ("SHIFTBOOK_SLOTS", "0", "SHIFTBOOK_SLOTS")],
)
def test_a_wrong_setting_is_one_line_that_names_it(fleet: Fleet, name: str, value: str, words: str) -> None:
    """Exit code 2, one line, no traceback."""
    fleet.found("desk")
    fleet.fresh = True
    done = fleet.run("mission", "list", node="desk", **{name: value})
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_role_is_the_least_privileged(fleet: Fleet) -> None:
    """FACTORY_ROLE=EMPEROR is a LOCAL_WORKER."""
    fleet.found("desk")
    fleet.shiftbook("node", "run", "--once", node="desk", FACTORY_ROLE="EMPEROR")
    import json

    nodes = json.loads(fleet.shiftbook("fleet", "--json", node="desk"))
    assert [node["role"] for node in nodes] == ["LOCAL_WORKER"]
