"""What an idle node, and a list of missions, may keep in memory: a library is loaded when it is first used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import alembic
import pytest

from orchestrator.adapters.notifiers.late_push import LatePushCarrier
from orchestrator.app import wiring
from orchestrator.bench.testbed import make_testbed
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.notifier import NotDelivered
from orchestrator.core.ports.push import PushCarrier, PushMessage, PushSubscription
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings

HTTP = {"flask", "flask_openapi", "werkzeug", "gunicorn", "httpx", "httpcore", "h11", "ollama"}
"""A node without SHIFTBOOK_HTTP serves none, and whose model is not asked calls none."""
DEVICES = {"cryptography", "jwt", "zeroconf", "segno", "apprise"}
"""Who rings nobody seals nothing."""
PEOPLE = {"rich", "pygments"}
"""What colours lines for people; a service writes JSON."""
MODELS = {"xllamacpp", "llama_cpp", "numpy", "genai_prices"}
DATABASE = {"sqlalchemy", "alembic", "mako"}
"""An SQLite file that is up to date is read in plain SQL; what needs more is opened when it is asked for something."""
SLOW = {"asyncio", "ssl", "yaml"}
"""Nobody waits for many at once, speaks TLS, or reads what a node did not write."""
CHECKS = {"pydantic", "pydantic_core"}
"""No result, event, turn or call of a tool is there to be read; tables are read plainly."""


def _run(script: str, env: dict[str, str]) -> set[str]:
    """The top modules that a fresh Python has when the script is through; it prints nothing else at the end."""
    script += "\nimport json, sys\nprint(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A machine of the fleet, and a ledger with three missions."""
    ground = make_testbed(tmp_path / "ledger", missions=3)
    (tmp_path / "home" / "keys").mkdir(parents=True)
    for ending in ("", ".pub"):
        (ground.root / "keys" / f"n0{ending}").rename(tmp_path / "home" / "keys" / f"node{ending}")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SHIFTBOOK_", "FACTORY_", "GIT_"))}
    home = {"SHIFTBOOK_HOME": str(tmp_path / "home"), "SHIFTBOOK_LEDGER": str(ground.bare), "SHIFTBOOK_NODE_ID": "n0"}
    return kept | home | {"SHIFTBOOK_HTTP": "off"}


ROLES = [role.value for role in Role]
IDLE_NODES = f"""
import os
from datetime import UTC, datetime
from orchestrator.app import node_process, wiring
from orchestrator.app.factories.node_factory import build_node
from orchestrator.cli.live.event_lines import JsonLines
from orchestrator.core.environment import load_settings
home = os.environ["SHIFTBOOK_HOME"]
for role in {ROLES!r}:
    os.environ |= {{"FACTORY_ROLE": role, "SHIFTBOOK_HOME": f"{{home}}-{{role}}"}}
    settings = load_settings()
    assert settings.role == role
    wiring.bring_up_database(settings)
    node = build_node(settings, JsonLines())
    node.page.text(node.feed.look())
    stores = wiring.stores(settings)
    stores.outgoing.take(datetime.now(UTC), hold_seconds=1)
    stores.marks.get("x")
    stores.push.every()
    stores.close()
    node.close()
"""


def test_an_idle_node_has_loaded_neither_http_nor_what_seals_nor_colours(env: dict[str, str]) -> None:
    """Built as `node run --json` builds it, in each role from its very first start on, with the database open, its
    ledger fetched, and what it looks at without anything to do looked at. One process: what any role loads is seen."""
    for role in ROLES:
        shutil.copytree(env["SHIFTBOOK_HOME"], f"{env['SHIFTBOOK_HOME']}-{role}")
    loaded = _run(IDLE_NODES, env)
    assert {"psutil", "sqlite3", "watchdog"} <= loaded  # it is a whole node
    assert loaded & (HTTP | DEVICES | PEOPLE | MODELS | DATABASE | SLOW | CHECKS) == set()


@pytest.mark.parametrize("there", [True, False])
def test_what_brings_a_database_up_is_loaded_where_there_is_an_older_one(env: dict[str, str], there: bool) -> None:
    """In a process that ended, or else here. A new one is SQLite's alone."""
    if there:
        (Path(env["SHIFTBOOK_HOME"]) / "shiftbook.db").touch()
    loaded = _run(
        "from orchestrator.app import wiring\n"
        "from orchestrator.core.environment import load_settings\n"
        "wiring.stores(load_settings()).close()\n",
        env,
    )
    assert loaded & DATABASE == (DATABASE if there else set())


def test_what_is_loaded_already_is_loaded_in_no_other_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has what makes databases makes the node's itself, when it opens it."""
    assert alembic.__version__
    settings = Settings(home=tmp_path, node_id="n0")
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_named: pytest.fail("a process was started"))
    wiring.bring_up_database(settings)
    stores = wiring.stores(settings)
    stores.marks.put("m", "1")
    stores.close()
    assert (tmp_path / "shiftbook.db").is_file()


@pytest.mark.parametrize("words", [["mission", "list"], ["mission", "show", "job-1", "--json"]])
def test_a_look_at_missions_loads_no_database_and_no_http(env: dict[str, str], words: list[str]) -> None:
    """Neither what draws for a terminal, where it writes into a pipe."""
    loaded = _run(
        f"from orchestrator.cli import cli\ncli.main({words!r}, standalone_mode=False)\n",
        env,
    )
    assert {"click", "orchestrator"} <= loaded
    heavy = {"pydantic", "sqlalchemy", "asyncio", "yaml", "watchdog", "psutil"}
    assert loaded & (HTTP | DEVICES | PEOPLE | MODELS | heavy) == set()


class _Carrier:
    """Notes what it is given."""

    public_key = "its key"

    def __init__(self) -> None:
        self.sent: list[str] = []

    def check(self, to: PushSubscription) -> None:
        self.sent.append(f"checked {to.device}")

    def send(self, to: PushSubscription, message: PushMessage) -> None:
        self.sent.append(f"rang {to.device}")


def _device() -> PushSubscription:
    return PushSubscription(device="phone", endpoint="https://push.invalid/x", p256dh="", auth="", server_key="its key")


def test_what_rings_is_made_with_the_first_message_and_once() -> None:
    """Every method of the port goes to the one that is made."""
    real, made = _Carrier(), list[int]()

    def make() -> PushCarrier:
        made.append(1)
        return real

    late = LatePushCarrier(make)
    assert not made
    late.check(_device())
    late.send(_device(), PushMessage(payload=b"{}", ttl_seconds=1, topic="t", urgent=False))
    assert late.public_key == "its key"
    assert (made, real.sent) == ([1], ["checked phone", "rang phone"])


def test_a_push_key_that_cannot_be_read_keeps_the_message_with_the_reason() -> None:
    """It is tried again, and no thread dies of it; once the key is mended, it goes out."""
    real, broken = _Carrier(), [True]

    def make() -> PushCarrier:
        if broken[0]:
            raise WrongSetting("push.pem", "it cannot be read as a key")
        return real

    late, message = LatePushCarrier(make), PushMessage(payload=b"{}", ttl_seconds=1, topic="t", urgent=False)
    with pytest.raises(NotDelivered, match=r"push\.pem"):
        late.send(_device(), message)
    broken[0] = False
    late.send(_device(), message)
    assert real.sent == ["rang phone"]


def test_a_push_without_the_library_says_what_brings_it() -> None:
    """Somebody took it out while the node ran."""
    with pytest.raises(NotDelivered, match=r"\[devices\]"):
        LatePushCarrier(lambda: None).send(_device(), PushMessage(payload=b"", ttl_seconds=1, topic="t", urgent=False))
