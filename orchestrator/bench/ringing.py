"""Ringing: how soon does a push leave the node after a mission was parked? To a receiver on loopback, by the real path.

From the end of the push that parks it: fetch, read, compare with what was told, the outbox, encryption, HTTP. What a
node does before that (it is woken by the push) is measured by `noticing`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

from orchestrator.app import wiring
from orchestrator.app.factories.notifier_factory import push_carrier
from orchestrator.bench.result import Measurement, at_most
from orchestrator.bench.testbed import BenchSetup, make_testbed
from orchestrator.core.environment import load_settings
from orchestrator.core.ports.push import PushCarrier, PushSubscription
from orchestrator.core.ports.stores import Stores
from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.node.notifications.publisher import BRANCH_CURSOR, NotificationPublisher, open_publisher
from orchestrator.node.notifications.push_dispatcher import PushDispatcher

ROUNDS = 5
ROOF_SECONDS = 2.0
WAIT_SECONDS = 60.0
PARKED = "---\nagent: command\nrun: 'true'\nstatus: parked\nnode: n0\nepoch: 1\nattempt: 1\n---\nDo it.\n"


def rung(root: Path) -> Iterator[Measurement]:
    """The slowest of a few; nothing where the extra that seals messages is not installed."""
    if find_spec("cryptography") is None:
        return
    ground = make_testbed(root, missions=ROUNDS)
    settings = load_settings(home=root / "home").model_copy(
        update={"role": Role.HEADQUARTERS, "database_url": "", "push_private": True}
    )
    carrier = push_carrier(settings)
    assert carrier is not None
    with closing(wiring.stores(settings)) as stores, _receiver() as (url, arrived):
        stores.push.put(_subscription(url, carrier), wiring.now())
        publisher = _publisher(ground, stores, carrier)
        try:
            took = [_round(ground, publisher, arrived, number) for number in range(ROUNDS)]
        finally:
            publisher.close()
    yield at_most("from a parked mission to its push leaving the node, the slowest", max(took), "s", ROOF_SECONDS)


def _round(ground: BenchSetup, publisher: NotificationPublisher, arrived: list[float], number: int) -> float:
    """Parks one mission, as a fold does; seconds until its push has arrived."""
    _look(ground, publisher)
    git = ground.clone()
    git.run("pull", "--quiet", "--rebase")
    (git.folder / "missions" / f"job-{number}.md").write_text(PARKED, encoding="utf-8")
    git.run("commit", "--quiet", "--all", "-m", f"job-{number} is parked")
    git.run("push", "--quiet")
    before, began = len(arrived), time.monotonic()
    tip = _look(ground, publisher)
    _until(lambda: len(arrived) > before)
    _until(lambda: tip in publisher.marks.get(BRANCH_CURSOR))
    return arrived[before] - began


def _look(ground: BenchSetup, publisher: NotificationPublisher) -> str:
    """What a node does when it is woken: one fetch, and what it shows is left for the publisher. Its branch's tip."""
    ledger = ground.reader("n0").read(ground.bus("n0").remote.fetch())
    publisher.post(ledger)
    _until(lambda: ledger.tip in publisher.marks.get(BRANCH_CURSOR))
    return ledger.tip


def _publisher(ground: BenchSetup, stores: Stores, carrier: PushCarrier) -> NotificationPublisher:
    from mobile_bridge.web_push import push_topic

    rings = PushDispatcher(
        outgoing=stores.outgoing,
        subscriptions=stores.push,
        carrier=carrier,
        tell=lambda *_said, **_facts: None,
        now=wiring.now,
        topic=push_topic,
    )
    made = open_publisher(
        "n0",
        "bench",
        None,
        stores,
        rings,
        liveness=Liveness(),
        tell=lambda *_said, **_facts: None,
        now=wiring.now,
        clock=time.monotonic,
        trust=ground.trust("n0"),
    )
    assert made is not None
    return made


def _subscription(url: str, carrier: PushCarrier) -> PushSubscription:
    """As a browser would have made it; nobody opens what comes."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from mobile_bridge.web_push import public_point, unpadded

    point = public_point(ec.generate_private_key(ec.SECP256R1()))
    return PushSubscription(
        device="phone",
        endpoint=f"{url}/1",
        p256dh=unpadded(point),
        auth=unpadded(bytes(16)),
        server_key=carrier.public_key,
    )


@contextmanager
def _receiver() -> Iterator[tuple[str, list[float]]]:
    """A push service that takes everything: its address, and when each message came (monotonic seconds)."""
    arrived: list[float] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append(time.monotonic())
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_said: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", arrived
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _until(so: Callable[[], bool]) -> None:
    over = time.monotonic() + WAIT_SECONDS
    while not so():
        if time.monotonic() > over:
            raise TimeoutError("no push left the node")
        time.sleep(0.005)
