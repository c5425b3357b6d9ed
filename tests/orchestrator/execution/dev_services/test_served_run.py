"""Do a project's dev services stand beside its runs, in the same sandbox, and is nothing of them left afterwards?"""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from missions.mission import Mission
from orchestrator.adapters.agents.command import CommandAgent
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.adapters.sandbox.none import NoSandbox
from orchestrator.core.ports.agent import AgentJob, DevServiceSpec, Outcome, Project
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.execution.node_python import node_python
from orchestrator.execution.workspace.clone import Workspaces
from tests.conftest import lacking
from tests.orchestrator.conftest import gone, living
from tests.orchestrator.repositories import Server
from tests.waiting import PATIENCE, once

CHANGE = "echo more >> README.md"
PYTHON = f"{node_python()} -I -c"
"""What the sandbox shows for the supervisor."""
PLACE = '("127.0.0.1", int(os.environ["PORT"]))'
SERVES = '[s.accept()[0].sendall(b"hello") for _ in iter(int, 1)]'
LISTENS = f"{PYTHON} 'import os, socket; s = socket.create_server({PLACE}); print(\"listening\", flush=True); {SERVES}'"
ASKS = f"{PYTHON} 'import os, socket; print(\"got\", socket.create_connection({PLACE}).recv(9).decode())'"


def service(command: str = LISTENS, **fields: object) -> DevServiceSpec:
    """One that is up when its port answers."""
    fields = {"ports": ("PORT",), "seconds": PATIENCE} | fields
    return DevServiceSpec(name=str(fields.pop("name", "echo")), command=command, **fields)  # type: ignore[arg-type]


@dataclass
class Node:
    """A node that runs command lines on one project with services."""

    server: Server
    sandbox: Sandbox
    tmp: Path
    said: list[str] = field(default_factory=list)

    def run(
        self,
        *services: DevServiceSpec,
        test: str = ASKS,
        line: str = CHANGE,
        stop: threading.Event | None = None,
    ) -> Outcome:
        """One attempt, which changes a file."""
        folder = self.tmp / f"job-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        project = Project(name="shop", url=str(self.server.folder), test=test, services=services)
        mission = Mission(
            name="fix", title="Fix", body="do", agent="command", run=line, project="shop", timeout_seconds=600
        )
        agent = CommandAgent(sandbox=self.sandbox, workspaces=Workspaces(cache=self.tmp / "cache"), node="desk")
        job = AgentJob(mission=mission, attempt=1, project=project, context="", folder=folder, say=self.said.append)
        return agent.run(job, stop or threading.Event())


@pytest.fixture
def node(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> Node:
    """A node with a sandbox."""
    return Node(server=server, sandbox=bubblewrap, tmp=tmp_path)


def needs(*programs: str) -> None:
    """Says which program is missing."""
    for each in programs:
        if not shutil.which(each):
            lacking(f"{each} is not on PATH")


def test_a_service_stands_beside_the_tests(node: Node) -> None:
    """It is up before they begin, they find it by its port, and its start is not among what they printed."""
    outcome = node.run(service())
    assert (outcome.ok, outcome.error, outcome.tested) == (True, "", True)
    assert f"$ {ASKS}\ngot hello\n[passed]" in outcome.output
    assert "[services" not in outcome.output
    assert any(line == "[the project's services: echo]" for line in node.said)


def test_beside_the_agent_only_where_that_is_said(node: Node) -> None:
    """An agent's run has the service if it says `agents`, and its port is not known otherwise."""
    line = f'{CHANGE}; echo "port ${{PORT:-none}}"'
    assert "port none\n" in node.run(service(), line=line).output
    outcome = node.run(service(agents=True), line=f"{CHANGE}; {ASKS}")
    assert outcome.output.startswith("got hello\n")
    assert outcome.ok


def test_a_real_postgresql(node: Node) -> None:
    """Also where the node is root, as which it refuses to start: each run has a cluster of its own, at a free port."""
    needs("initdb", "postgres", "pg_isready", "psql")
    db = DevServiceSpec(
        name="db",
        command="initdb -N -A trust -U postgres -D $SHIFTBOOK_DATA/db >/dev/null"
        " && exec postgres -F -D $SHIFTBOOK_DATA/db -h 127.0.0.1 -k $SHIFTBOOK_DATA",
        health="pg_isready -q",
        ports=("PGPORT",),
        environment={
            "PGHOST": "127.0.0.1",
            "PGUSER": "postgres",
            "DATABASE_URL": "postgresql://postgres@127.0.0.1:{PGPORT}/postgres",
        },
        seconds=PATIENCE,
    )
    test = 'psql -c "create table t (n int)" && psql "$DATABASE_URL" -c "insert into t values (1)"'
    for _ in range(2):  # the second would find the first one's table
        outcome = node.run(db, test=test)
        assert (outcome.ok, outcome.error) == (True, "")
        assert "INSERT 0 1" in outcome.output


def test_a_real_redis_after_another_service(node: Node) -> None:
    """Services start in their order, the second once the first is up, and see each other."""
    needs("redis-server", "redis-cli")
    store = DevServiceSpec(
        name="store",
        command="exec redis-server --port $REDIS_PORT --bind 127.0.0.1 --save '' --dir $SHIFTBOOK_DATA",
        health='redis-cli -p "$REDIS_PORT" ping | grep -q PONG',
        ports=("REDIS_PORT",),
        seconds=PATIENCE,
    )
    seed = service(name="seed", command=f"redis-cli -p $REDIS_PORT set seeded yes && {LISTENS}")
    outcome = node.run(store, seed, test='redis-cli -p "$REDIS_PORT" get seeded')
    assert outcome.ok
    assert "\nyes\n" in outcome.output


def test_two_runs_at_once_do_not_meet(node: Node) -> None:
    """Each has its own port, its own data, and its own network: what one writes, the other does not see."""
    writes = 'echo "$SHIFTBOOK_DATA" && ls "$SHIFTBOOK_DATA" && touch "$SHIFTBOOK_DATA/mine" && exec '
    both = threading.Barrier(2, timeout=PATIENCE)
    node.said = []

    def one(_: int) -> Outcome:
        both.wait()
        return node.run(service(f"{writes}{LISTENS}"), test=f"{ASKS}; exit 1")

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(one, range(2)))
    for outcome in outcomes:
        assert "got hello\n" in outcome.output
        assert "mine" not in outcome.output.partition("[the last words")[2]


def test_what_services_said_is_shown_when_tests_fail(node: Node) -> None:
    """After what the tests printed, under the service's name; the tests are at fault, and the agent hears it all."""
    outcome = node.run(service(), test=f"{ASKS}; echo wrong; exit 3")
    assert outcome.error.startswith("the project's tests do not pass: ")
    assert outcome.output.index("wrong\n") < outcome.output.index("[the last words of the services]\necho:\nlistening")


def test_one_that_ends_beside_the_tests_is_told(node: Node) -> None:
    """Where they fail, with its exit code, for that may be why; where they pass, it is their own business."""
    line = "echo $$ > pid; while [ ! -e over ]; do sleep 0.05; done; exit 4"
    dies = service(line, ports=(), health="test -s pid")
    ended = 'touch over; until grep -q "^State:.*zombie" /proc/$(cat pid)/status; do sleep 0.05; done'
    outcome = node.run(dies, test=f"{ended}; exit 1")
    assert "[the last words of the services]\necho (ended with exit code 4):" in outcome.output
    assert node.run(dies, test=ended).ok


@pytest.mark.parametrize(
    ("command", "fields", "why"),
    [
        ("echo no such cluster >&2; exit 7", {}, "the service echo ended with exit code 7: no such cluster"),
        ("printf '\\033[31mred\\0dish\\n'; exit 3", {}, "the service echo ended with exit code 3: [31mred dish"),
        ("kill -9 $$", {}, "the service echo ended with exit code 137"),
        ("echo wait; sleep 600", {"seconds": 0.5}, "the service echo was not healthy within 0.5 s: wait"),
        (
            LISTENS,
            {"health": "sleep 600", "seconds": 0.5},
            "the service echo was not healthy within 0.5 s: listening",
        ),
    ],
)
def test_a_service_that_does_not_come_up(node: Node, command: str, fields: dict[str, object], why: str) -> None:
    """Fails the attempt in one line that says so; its last words are in the output, the tests did not run, and what
    was done is kept as it is."""
    outcome = node.run(service(command, **fields), test="echo the tests ran")
    assert not outcome.ok
    assert outcome.error.startswith(f"shop: {why}; its last words end the output; `projects.shop.services`")
    assert (outcome.tested, outcome.files, bool(outcome.branch)) == (None, ("README.md",), True)
    assert "the tests ran" not in outcome.output
    assert "\n" not in outcome.error


def test_before_the_agent_it_is_no_work_at_all(node: Node) -> None:
    """Where it should stand beside the agent, that is not begun, and its output has the service's last words."""
    outcome = node.run(service("echo first; echo last; exit 1", agents=True), line="touch began")
    assert (outcome.ok, outcome.summary) == (False, "Not started.")
    assert outcome.output == "echo (ended with exit code 1):\nfirst\nlast"
    assert not list(node.tmp.glob("job-*/tree/began"))


def test_nothing_says_the_first_line_but_the_supervisor(node: Node) -> None:
    """Tests that print what a failed start prints are tests that failed."""
    outcome = node.run(service(), test="echo '[services: failed] the service echo is gone'; exit 1")
    assert outcome.error.startswith("the project's tests do not pass")
    assert outcome.tested is False


def test_nothing_is_left_of_what_detaches_itself(node: Node) -> None:
    """A service that double-forks into a session of its own, without its mark, ends with the run that it is beside."""
    word = f"detached-{uuid.uuid4().hex}"
    daemon = f"(env -i PORT=$PORT setsid {LISTENS} {word} &) & exit 0"
    outcome = node.run(service(daemon))
    assert (outcome.ok, outcome.error) == (True, "")
    assert gone(word)


def test_a_flood_is_bounded(node: Node) -> None:
    """A service that prints without end fills no disk and no memory, and holds up nobody; its end is shown."""
    outcome = node.run(service(f"yes flooding & {LISTENS}"), test=f"{ASKS}; exit 1")
    words = outcome.output.partition("[the last words of the services]\n")[2]
    assert "got hello" in outcome.output
    assert "flooding\nflooding" in words
    assert len(words) < 5000
    assert sum(each.stat().st_size for each in node.tmp.glob("job-*/test-*.log")) < 20_000


def test_stopped_while_it_starts(node: Node) -> None:
    """Whoever stops the mission does not wait for a service, and it is told as stopped."""
    word = f"slow-{uuid.uuid4().hex}"
    stop = threading.Event()
    with once(lambda: living(word), stop.set):
        outcome = node.run(service(f"sleep 600 & echo {word} && sh -c 'sleep 600; : {word}'"), stop=stop)
    assert (outcome.cancelled, outcome.ok) == (True, False)
    assert gone(word)


def test_never_as_root_and_without_a_way_out(node: Node) -> None:
    """What runs with services is nobody's root and reaches no network but its own; its files are its own."""
    test = f"{ASKS}; id -u; touch mine && stat -c %u mine; ls /sys/class/net; cat /proc/net/dev | wc -l"
    outcome = node.run(service(), test=test)
    owner = "65534" if os.geteuid() == 0 else str(os.getuid())
    assert f"got hello\n{owner}\n{owner}\n" in outcome.output
    assert "eth" not in outcome.output


def test_none_without_a_sandbox(node: Node) -> None:
    """A test that clears a database would else find the machine's own."""
    node.sandbox = NoSandbox()
    outcome = node.run(service(), test="touch ran")
    assert outcome.error.startswith("shop has services (echo), which a node without a sandbox does not start")
    assert not list(node.tmp.glob("job-*/tree/ran"))


def test_what_stands_in_the_repository_starts_nothing(node: Node, tmp_path: Path) -> None:
    """Services come from the fleet's signed file alone: files of the project that look like some are only files."""
    node.server.push({".devcontainer.json": '{"postCreateCommand": "touch started"}', "services.json": "[]"})
    outcome = node.run(test="ls started; true")
    assert outcome.ok
    assert not any("services" in line for line in node.said)
