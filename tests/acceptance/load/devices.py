"""What do clients of a load run want besides answers: signs of life, states, operations, conversations?"""

from __future__ import annotations

from typing import Any

from tests.acceptance.load.client import Act, Client

PULLS = 20
"""Pages that a client takes at a time."""


def health(client: Client) -> None:
    """A sign of life."""
    reply = client.wire.ask("GET", "/health")
    if client.told("health", reply):
        client.book.health.append(reply.ended - reply.began)


def ready(client: Client) -> None:
    """Whether it can work, which it may deny."""
    reply = client.wire.ask("GET", "/ready")
    client.told("ready", reply, {200, 503})
    told = reply.json()
    if told["ready"] is not (reply.status == 200) or not {"ledger", "store", "model"} <= told["parts"].keys():
        client.book.fault(f"ready: {reply.status} {told}")


def metrics(client: Client) -> None:
    """Numbers."""
    client.told("metrics", client.wire.ask("GET", "/metrics"))


def state(client: Client) -> None:
    """A device says how it is."""
    said = {"battery": client.chance.randrange(101), "number": client.number, "note": client.mark()}
    reply = client.ask("POST", "/device/state", {"device_id": client.name, "state": said})
    if client.told("state", reply, {201}):
        client.book.states.setdefault(client.name, {})[reply.json()["seq"]] = said


def history(client: Client) -> None:
    """What it said, newest first, without a gap."""
    limit = client.chance.choice([1, 10, 100])
    reply = client.ask("GET", f"/device/{client.name}/history?limit={limit}")
    if not client.told("history", reply):
        return
    known = client.book.states.get(client.name, {})
    told = {each["seq"]: each["state"] for each in reply.json()["states"]}
    if told != {seq: known[seq] for seq in sorted(known)[-limit:]}:
        client.book.fault(f"history: of {client.name} it says {sorted(told)}, not the newest {limit} of {len(known)}")


def operations(client: Client) -> list[dict[str, Any]]:
    """Some operations that nobody has sent yet, each by a store of its own: a push that is lost leaves no gap."""
    made = []
    for _ in range(client.chance.randrange(1, 6)):
        name = client.mark()
        device = f"{client.name}~{client.chance.getrandbits(60):x}"
        words = {"kind": "append", "entity": "note/load", "field": "text", "value": name, "base": "", "resolves": []}
        op = {"device": device, "seq": 1, "hlc": f"{client.number:015d}-00000-{device}", **words}
        client.book.sent.add(key(op))
        made.append(op)
    return made


def key(op: dict[str, Any]) -> str:
    """What an operation is known by."""
    return f"{op['device']}/{op['seq']}"


def push(client: Client, kind: str = "push", ops: list[dict[str, Any]] | None = None) -> None:
    """Hands over operations."""
    ops = ops or operations(client)
    reply = client.ask("POST", "/sync/push", {"ops": ops})
    if not client.told(kind, reply):
        return
    told, known = reply.json(), [key(op) for op in ops if key(op) in client.book.pushed]
    if (told["duplicates"], told["accepted"]) != (len(known), len(ops) - len(known)):
        client.book.fault(f"{kind}: {told} for {len(ops)} operations of which it had {known}")
    client.book.pushed |= {key(op): op for op in ops}


def push_again(client: Client) -> None:
    """Hands some over twice, the second time with a new one."""
    ops = operations(client)
    push(client, "push again", ops)
    push(client, "push again", [*ops, *operations(client)])


def pull(client: Client) -> None:
    """Goes on from where it was."""
    limit = client.chance.choice([50, 500, 1000])
    for _ in range(PULLS):
        reply = client.ask("GET", f"/sync/pull?limit={limit}&after={client.cursor}")
        if not client.told("pull", reply):
            return
        told = reply.json()
        client.pulled += [key(op) for op in told["ops"]]
        client.cursor = told["cursor"]
        if not told["more"]:
            return


def listing(client: Client) -> None:
    """Its conversations."""
    reply = client.ask("GET", f"/chat/conversations?device_id={client.name}&limit={client.chance.choice([1, 20])}")
    if client.told("list", reply) and any(each["device"] != client.name for each in reply.json()["conversations"]):
        client.book.fault(f"list: {client.name} is shown another device's")


def get(client: Client) -> None:
    """A conversation with its turns; one that there is not."""
    if not client.conversation:
        client.told("get", client.ask("GET", f"/chat/conversations/{client.mark()}"), {404})
        return
    reply = client.ask("GET", f"/chat/conversations/{client.conversation}")
    if client.told("get", reply) and reply.json()["messages"][0]["seq"] != 1:
        client.book.fault(f"get: {client.conversation} has no beginning")


def delete(client: Client) -> None:
    """Takes its conversation out, unless that answers still; then it is gone."""
    gone = client.conversation
    if not gone:
        client.told("delete", client.ask("DELETE", f"/chat/conversations/{client.mark()}"), {404})
        return
    reply = client.ask("DELETE", f"/chat/conversations/{gone}")
    if client.told("delete", reply, {204, 409} if gone in client.busy else {204}):
        client.book.deleted.add(gone)
        client.renew()
        client.told("delete", client.ask("GET", f"/chat/conversations/{gone}"), {404})


ACTS: dict[str, Act] = {
    "health": health,
    "ready": ready,
    "metrics": metrics,
    "state": state,
    "history": history,
    "push": push,
    "push again": push_again,
    "pull": pull,
    "list": listing,
    "get": get,
    "delete": delete,
}
