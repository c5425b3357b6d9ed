"""What is there to be said of the bus beside the ledger: how it is, what a crash may lose, and what is to be mended?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.core.own_installation import document_place
from orchestrator.core.ports.bus_care import BusCondition
from orchestrator.core.time_text import format_duration

CLOCK_SECONDS = 60.0
"""A server's clock that is further from ours is told: when something came is read off it."""
OLD_SECONDS = 3600.0
"""A mission that waits or is worked on for so long is told."""
MEMORY_SHARE = 0.9
LOSSES = {
    "always": "a crash loses nothing",
    "everysec": "a killed server loses nothing, a power cut its last second",
    "no": "a killed server loses nothing, a power cut what the system had not written, about half a minute",
    "": "a killed server loses nothing, a power cut its last second with `appendfsync everysec`, the default",
}
"""What a crash may lose of a server that keeps a log, by its `appendfsync`."""
NO_LOG = "a crash loses all since its last snapshot"


@dataclass(frozen=True, kw_only=True)
class BusFinding:
    """One thing that is to be mended. `kind` stays the same while it does; `broken`: nothing goes over the bus."""

    kind: str
    says: str
    remedy: str
    broken: bool = False


def crash_loss(condition: BusCondition) -> str:
    """What a crash of the server may lose; the ledger has what was filed."""
    if not condition.append_only:
        return NO_LOG
    return LOSSES.get(condition.fsync, LOSSES[""])


def summary(condition: BusCondition) -> str:
    """How it is, in one line."""
    if condition.trouble:
        return f"{condition.place} cannot be used: {condition.trouble}"
    age = condition.oldest_seconds
    facts = [
        f"{condition.place} answers",
        f"{condition.waiting} wait",
        f"{condition.pending} in work",
        f"the oldest since {format_duration(age)}" if age is not None else "",
        f"{condition.unfiled} not filed" if condition.unfiled else "",
        f"{condition.unrecorded} results not recorded" if condition.unrecorded else "",
        f"{condition.dead_letters} dead letters" if condition.dead_letters else "",
    ]
    return ", ".join(filter(None, facts))


def findings(condition: BusCondition) -> Iterator[BusFinding]:
    """What is to be mended, the worst first."""
    if condition.trouble:
        remedy = "start it, or mend SHIFTBOOK_REDIS_URL; missions go by the ledger alone until it answers"
        yield BusFinding(kind="unreachable", says=summary(condition), remedy=remedy, broken=True)
        return
    if condition.not_saved:
        remedy = "make room on its disk: what is put on it now may be gone after a crash"
        yield BusFinding(kind="not-saved", says=condition.not_saved, remedy=remedy)
    yield from _settings(condition)
    yield from _safety(condition)
    yield from _queues(condition)


def _settings(condition: BusCondition) -> Iterator[BusFinding]:
    if not condition.append_only:
        remedy = "set `appendonly yes` and `appendfsync everysec` in its redis.conf"
        yield BusFinding(kind="no-log", says=f"it keeps no log (appendonly no): {NO_LOG}", remedy=remedy)
    if condition.eviction not in ("", "noeviction"):
        says = f"it throws data away when its memory is full (maxmemory-policy {condition.eviction})"
        remedy = "set `maxmemory-policy noeviction`: it refuses then, and producers try again"
        yield BusFinding(kind="eviction", says=says, remedy=remedy)
    if condition.memory_limit and condition.memory_bytes > MEMORY_SHARE * condition.memory_limit:
        share = 100 * condition.memory_bytes / condition.memory_limit
        says = f"{share:.0f} % of its memory is used; when it is full, nothing new is taken"
        yield BusFinding(
            kind="memory", says=says, remedy="raise `maxmemory`, or look at what waits and at the dead letters"
        )
    if abs(condition.clock_ahead_seconds) > CLOCK_SECONDS:
        ahead = format_duration(abs(condition.clock_ahead_seconds))
        side = "ahead of" if condition.clock_ahead_seconds > 0 else "behind"
        says = f"its clock is {ahead} {side} this machine's; times of entries are wrong by that, leases are not"
        yield BusFinding(kind="clock", says=says, remedy="set the clocks, for example by systemd-timesyncd")


def _safety(condition: BusCondition) -> Iterator[BusFinding]:
    if condition.plain_line:
        says = "missions, results and the password go to another machine unencrypted (redis://)"
        yield BusFinding(
            kind="plain-line", says=says, remedy="write rediss:// and set `tls-port`, unless a VPN lies between"
        )
    if condition.rights:
        says = f"this user may also {' and '.join(condition.rights)}"
        how = document_place("docs/redis.md")
        yield BusFinding(
            kind="rights", says=says, remedy=f"give the fleet a user of its own, and switch `default` off; how: {how}"
        )


def _queues(condition: BusCondition) -> Iterator[BusFinding]:
    if condition.dead_letters:
        letters = "1 dead letter" if condition.dead_letters == 1 else f"{condition.dead_letters} dead letters"
        yield BusFinding(
            kind="dead-letters",
            says=f"{letters}: nobody could do, file or record them",
            remedy="`shiftbook bus dead list`",
        )
    age = condition.oldest_seconds
    if age is not None and age > OLD_SECONDS:
        says = f"a mission has been on the bus for {format_duration(age)}; {condition.pending} are in work"
        yield BusFinding(
            kind="old", says=says, remedy="see with `shiftbook fleet` whether a worker runs that can do it"
        )


def bus_json(condition: BusCondition) -> dict[str, Any]:
    """All of it for programs."""
    found = list(findings(condition))
    return {
        **asdict(condition),
        "rights": list(condition.rights),
        "reachable": not condition.trouble,
        "says": summary(condition),
        "crash_loses": "" if condition.trouble else crash_loss(condition),
        "findings": [asdict(each) for each in found],
    }
