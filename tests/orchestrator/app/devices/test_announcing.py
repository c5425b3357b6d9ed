"""A node is announced at the addresses that its machine has now, not at those of when it was started."""

from __future__ import annotations

import subprocess
import sys
import threading

from orchestrator.app.devices import announcing
from tests.conftest import lacking
from tests.mobile_bridge.test_discovery import LOOPBACK
from tests.waiting import PATIENCE, until

IN_A_NETWORK_OF_ITS_OWN = ("unshare", "--user", "--map-root-user", "--net")
MOVING = """
import subprocess, sys, threading
from mobile_bridge.discovery import NodeAnnouncement
from orchestrator.app.devices.announcing import keep_announcing
from orchestrator.app.devices.own_addresses import network_addresses

def ip(*words):
    subprocess.run(["ip", *words], check=True)

neighbour = subprocess.Popen(
    ["unshare", "--net", sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
assert neighbour.stdout.readline() == "there\\n"  # in its own network by now
said = NodeAnnouncement(node="desk", fleet="f" * 16, fingerprint="k" * 43, port=8823)
over, troubles = threading.Event(), []
announced = threading.Thread(
    target=keep_announcing, args=(lambda: said, network_addresses, over, troubles.append), kwargs={"look_seconds": 0.1}
)
ip("link", "set", "lo", "up")
announced.start()
for interface, network in (("wifi", "10.81.0."), ("cable", "10.82.0.")):
    ip("link", "add", interface, "type", "veth", "peer", "name", "far")
    ip("link", "set", "far", "netns", str(neighbour.pid))
    ip("addr", "add", network + "2/24", "dev", interface)
    ip("link", "set", interface, "up")
    print(network + "1", file=neighbour.stdin, flush=True)
    print(interface, neighbour.stdout.readline().strip(), flush=True)
    ip("link", "del", interface)
over.set()
announced.join()
neighbour.stdin.close()
neighbour.wait()
print(troubles)
"""
LISTENING = """
import subprocess, sys
from mobile_bridge.discovery import listen_for_nodes

print("there", flush=True)
for own in map(str.strip, sys.stdin):
    subprocess.run(["ip", "addr", "add", own + "/24", "dev", "far"], check=True)
    subprocess.run(["ip", "link", "set", "far", "up"], check=True)
    for number in range(20):
        heard = {each for node in listen_for_nodes(3.0 if number else 1.0, interfaces=[own]) for each in node.addresses}
        if heard == {own[:-1] + "2"}:
            break
    print(*sorted(heard), flush=True)
"""


def test_a_laptop_that_goes_from_network_to_network_is_heard_in_each() -> None:
    """Started without any network; then one comes, goes, and another one comes: real interfaces, real multicast."""
    try:
        there = [*IN_A_NETWORK_OF_ITS_OWN, "ip", "link", "add", "x", "type", "veth", "peer", "name", "y"]
        subprocess.run(there, check=True, timeout=PATIENCE)
    except (OSError, subprocess.CalledProcessError) as error:
        lacking(f"no network of its own here: {error}")
    run = subprocess.run(
        [*IN_A_NETWORK_OF_ITS_OWN, sys.executable, "-c", MOVING, LISTENING],
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert run.stdout.splitlines() == ["wifi 10.81.0.2", "cable 10.82.0.2", "[]"], run.stderr


def test_trouble_is_told_once_for_each_set_of_addresses() -> None:
    """A node that cannot sign is not announced; it says why, again only when there is a new network to try."""
    over, told, looks = threading.Event(), list[str](), list[int]()

    def addresses() -> tuple[str, ...]:
        looks.append(1)
        return ("10.0.0.1",) if len(looks) < 5 else ("10.0.0.2",)

    def announcement() -> object:
        raise OSError("no key")

    beside = threading.Thread(
        target=announcing.keep_announcing,
        args=(announcement, addresses, over, told.append),
        kwargs={"look_seconds": 0.001, "interfaces": LOOPBACK},
    )
    beside.start()
    until(lambda: len(looks) >= 10, "it looks again and again")
    over.set()
    beside.join(PATIENCE)
    assert told == ["no key", "no key"]
