"""One node as a process: signals, restarts, what a person sees."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import sys
import time
from contextlib import suppress

from tests.acceptance.fleets import Fleet, command


def _running(fleet: Fleet, name: str) -> bool:
    return fleet.missions().get(name, {}).get("status") == "running"


def _begun(fleet: Fleet, name: str) -> bool:
    """Whether the command of a mission has said that it begins."""
    return any(path.read_bytes() for path in (fleet.folder / "desk" / "work").glob(f"{name}-*/output.log"))


def test_the_first_sigterm_lets_the_work_end(fleet: Fleet) -> None:
    """A draining node hands its running mission back and takes no other."""
    fleet.found("desk")
    fleet.commit({"missions/one.md": command("sleep 3; echo one", priority=5)})
    fleet.start("desk")
    fleet.wait("it runs", lambda: _running(fleet, "one"))
    fleet.commit({"missions/two.md": command("echo two")})
    assert fleet.stop("desk") == 0
    missions = fleet.missions()
    assert (missions["one"]["status"], missions["two"]["status"]) == ("done", "queued")


def test_the_second_sigterm_cancels_and_nothing_is_lost(fleet: Fleet) -> None:
    """The running mission goes back into the queue, its attempt does not count, and its command is not waited for."""
    fleet.found("desk")
    fleet.commit({"missions/long.md": command("echo begun; sleep 1000; echo never", max_retries=1)})
    process = fleet.start("desk")
    fleet.wait("it runs", lambda: _begun(fleet, "long"))
    process.send_signal(signal.SIGTERM)
    fleet.wait("it drains", lambda: any(event["event"] == "draining" for event in fleet.events("desk")))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=240) == 0
    fleet.running.pop("desk")
    mission = fleet.missions()["long"]
    assert (mission["status"], mission["attempt"], mission["epoch"]) == ("queued", 0, 1)


SLOW_MACHINE = re.compile(r"^remote .*(no answer within \d+ s|reachable again)")
"""What a node says of git on a machine that has too much to do; a git that Ctrl-C ended would say something else."""


def test_ctrl_c_ends_a_node_quietly(fleet: Fleet) -> None:
    """At a real terminal, twice, while it works: no trouble is told, nothing is lost, and it is seen to be gone."""
    fleet.found("desk")
    fleet.commit({"missions/long.md": command("sleep 100; echo never", max_retries=1)})
    env = fleet.environment("desk") | {"COLUMNS": "200"}
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(fleet.folder)
        os.execve(sys.executable, [sys.executable, "-P", "-m", "orchestrator", "node", "run"], env)
    said = b""
    try:
        for wanted in (b"started\x1b", b"draining\x1b", b"stopped\x1b"):
            over = time.monotonic() + 240
            while wanted not in said:
                assert time.monotonic() < over, said.decode()
                if select.select([terminal], [], [], 0.1)[0]:
                    said += os.read(terminal, 65536)
            if not wanted.startswith(b"stopped"):
                os.write(terminal, b"\x03")
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM if b"stopped" in said else signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(terminal)
    assert code in (0, -signal.SIGTERM)
    shown = _plain(said.decode())
    told = [line.partition("│ ")[2] for line in shown.splitlines() if line[:2].isdigit()]  # the rest goes on with one
    events = {line.partition(" ")[0] for line in told if line and not SLOW_MACHINE.search(line)}
    assert events == {"ready", "started", "draining", "cancelling", "released", "folded", "stopped"}, shown
    assert fleet.git("ls-remote", "origin", "refs/shiftbook/beat/*") == ""
    assert fleet.missions()["long"]["status"] == "queued"


def _plain(said: str) -> str:
    """What stays on the screen: without colours, and without what was written over."""
    return re.sub(
        r"\x1b\[[0-9;]*m|[^\n]*\r\x1b\[K|(?<=\n)[^\n]*\x1b\[K", "", said.replace("^C", "").replace("\r\n", "\n")
    )


def test_a_killed_node_takes_its_own_work_up_again(fleet: Fleet) -> None:
    """After SIGKILL and a restart the mission is done at once by the same node, without waiting for the lease."""
    fleet.beat = 20.0  # a lease of a minute: nobody could have waited for it
    fleet.found("desk")
    fleet.commit({"missions/again.md": command("sleep 7; echo again")})
    fleet.start("desk")
    fleet.wait("it runs", lambda: _running(fleet, "again"))
    fleet.kill("desk")
    fleet.start("desk")
    fleet.wait("it is done", lambda: fleet.missions()["again"]["status"] == "done")
    text = fleet.show("again")["text"]
    assert "this node was stopped during attempt 1 and started again" in text
    assert text.count("· done ·") == 1


def test_one_process_for_each_home(fleet: Fleet) -> None:
    """A second node in the same home is refused with exit code 4 and says why."""
    fleet.found("desk")
    fleet.start("desk")
    fleet.ready("desk")
    second = fleet.run("node", "run", "--once", node="desk")
    assert second.returncode == 4
    assert "one process for each home folder" in second.stderr


def test_a_node_that_nobody_admitted_is_refused(fleet: Fleet) -> None:
    """It exits with 4 and prints the very command that lets it in; with that, it works."""
    fleet.found("desk")
    fleet.shiftbook("join", str(fleet.bare), str(fleet.folder / "clone"), node="stranger")
    refused = fleet.run("node", "run", "--once", node="stranger")
    assert refused.returncode == 4
    assert "ready" not in refused.stderr
    assert "stranger" not in fleet.git("ls-remote", "origin", "refs/shiftbook/beat/*")
    words = refused.stderr.partition("shiftbook fleet ")[2].strip()
    name, key = words.split()[1], words.partition("--key '")[2].rstrip("'")
    fleet.shiftbook("fleet", "admit", name, "--role", "node", "--key", key, node="desk")
    fleet.commit({"missions/hello.md": command("echo hello")})
    fleet.shiftbook("node", "run", "--once", node="stranger")
    assert fleet.missions()["hello"]["node"] == "stranger"


def test_once_does_what_can_be_done_and_exits(fleet: Fleet) -> None:
    """`node run --once` finishes a chain of missions, leaves what must wait, and stops by itself."""
    fleet.found("desk")
    fleet.commit(
        {
            "missions/first.md": command("echo first"),
            "missions/second.md": command("echo second", depends_on=["first"]),
            "missions/later.md": command("echo later", not_before="2099-01-01T00:00:00Z"),
            "missions/elsewhere.md": command("echo elsewhere", to=["nowhere"]),
        }
    )
    fleet.shiftbook("node", "run", "--once", node="desk")
    missions = fleet.missions()
    status = {name: missions[name]["status"] for name in ("first", "second", "later", "elsewhere")}
    assert status == {"first": "done", "second": "done", "later": "queued", "elsewhere": "queued"}
    assert missions["later"]["reason"].startswith("not before 2099")


def test_a_person_cancels_running_missions_by_an_edit_or_by_deleting_the_file(fleet: Fleet) -> None:
    """`status: cancelled`, or no file any more, ends the work and archives the mission's text with what was done:
    nothing is lost."""
    fleet.found("desk")
    fleet.commit({f"missions/{name}.md": command("echo begun; sleep 1000") for name in ("long", "gone")})
    fleet.start("desk", SHIFTBOOK_SLOTS="2")
    fleet.wait("both run", lambda: _begun(fleet, "long") and _begun(fleet, "gone"))
    text = (fleet.clone / "missions" / "long.md").read_text(encoding="utf-8")
    fleet.commit({"missions/long.md": text.replace("---\nDo it", "status: cancelled\n---\nDo it")})
    fleet.wait("it is cancelled", lambda: fleet.missions()["long"]["status"] == "cancelled")
    shown = fleet.show("long")
    assert shown["path"].startswith("missions/archive/")
    assert "begun" in shown["text"]
    assert fleet.missions()["gone"]["status"] == "running"
    fleet.commit({"missions/gone.md": None})
    fleet.wait("it is cancelled", lambda: fleet.missions().get("gone", {}).get("status") == "cancelled")
    assert "Do it." in fleet.show("gone")["text"]


def test_json_events_are_one_object_a_line(fleet: Fleet) -> None:
    """`node run --json` writes nothing else to standard output."""
    fleet.found("desk")
    fleet.commit({"missions/hello.md": command("echo hello")})
    fleet.fresh = True  # with what an interpreter's start may say
    out = fleet.shiftbook("node", "run", "--once", "--json", node="desk")
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert events[0] == "ready"
    assert events[-1] == "stopped"
    assert {"started", "done", "folded"} <= set(events)


def test_a_dead_mission_is_listed_and_can_be_retried(fleet: Fleet) -> None:
    """After its attempts are spent it is a dead letter with its history; `mission retry` puts it back."""
    fleet.found("desk")
    fleet.commit({"missions/flaky.md": command("test -e /nowhere || { echo no; exit 3; }", max_retries=1)})
    fleet.shiftbook("node", "run", "--once", node="desk")
    assert set(fleet.missions("--status", "dead")) == {"flaky"}
    shown = fleet.show("flaky")
    assert "exit code 3" in shown["text"]
    assert "no" in shown["output"]
    fleet.shiftbook("mission", "retry", "flaky", node="desk")
    again = fleet.missions()["flaky"]
    assert (again["status"], again["attempt"]) == ("queued", 1)  # counted on, so that no attempt's branch comes twice
    assert fleet.run("mission", "retry", "flaky", node="desk").returncode == 4
    fleet.shiftbook("mission", "cancel", "flaky", node="desk")
    fleet.shiftbook("node", "run", "--once", node="desk")
    assert fleet.missions()["flaky"]["status"] == "cancelled"
