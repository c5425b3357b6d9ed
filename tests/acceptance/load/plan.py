"""Which request comes when? A function of the seed and the request's number, so that a run can be had again."""

from __future__ import annotations

from random import Random

WEIGHTS = {
    "chat": 130,
    "chat again": 30,
    "chat cut": 30,
    "stream": 120,
    "stream cut": 80,
    "stream cut, asked again": 30,
    "stream twice at once": 15,
    "stream never read": 10,
    "completion": 60,
    "completion stream": 50,
    "completion cut": 30,
    "models": 30,
    "unknown model": 12,
    "health": 60,
    "ready": 30,
    "metrics": 20,
    "state": 40,
    "history": 40,
    "push": 60,
    "push again": 20,
    "pull": 50,
    "list": 30,
    "get": 40,
    "delete": 12,
    "malformed": 30,
    "wrong types": 30,
    "nested": 15,
    "oversize": 20,
    "oversize chunked": 10,
    "chunked": 20,
    "slow sender": 20,
    "half sent": 20,
    "wrong token": 40,
    "wrong scope": 15,
    "wrong method": 20,
    "unknown route": 20,
    "not HTTP": 15,
}
"""How often each kind of request comes, in parts of the sum."""
OUTAGES = 8
"""Times that the backend dies in one run."""


def chance(seed: int, number: int) -> Random:
    """The chance of one request."""
    return Random(f"{seed}/{number}")


def kind(chosen: Random) -> str:
    """What kind of request it is."""
    return chosen.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]


def outages(seed: int, requests: int, times: int = OUTAGES) -> list[tuple[int, float]]:
    """After which request the backend dies, and for how many seconds: none in the first and the last eighth."""
    chosen = Random(f"{seed}/outages")
    share = requests * 3 // 4 // times
    return [(requests // 8 + n * share + chosen.randrange(share), chosen.uniform(0.5, 4)) for n in range(times)]
