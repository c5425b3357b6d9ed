"""Writes what both sides of sync, pairing and seal are held to: `python -m tests.mobile_bridge.make_vectors`.

They are drawn by Hypothesis from the same strategies as the tests, and always the same; the smallest come first.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from mobile_bridge.merge import MergedOperations
from mobile_bridge.operations import Operation, encode

from tests.mobile_bridge import test_pairing, test_sealed_channel
from tests.mobile_bridge.strategies import histories

EXAMPLES = 400
KEPT = 60
FOLDER = Path(__file__).parent / "vectors"


def vector(ops: list[Operation]) -> dict[str, Any]:
    """The operations as texts, and what they come to."""
    return {"texts": [encode(op) for op in ops], "merged": MergedOperations.of(ops).json()}


def main() -> None:
    """Writes `merge.json`: what has conflicts and odd characters first, then some of the rest."""
    found: dict[str, list[Operation]] = {}

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def draw(ops: list[Operation]) -> None:
        found["\n".join(map(encode, ops))] = ops

    draw()
    rich = sorted(found.values(), key=lambda ops: (-len(MergedOperations.of(ops).conflicts()), len(ops)))
    chosen = [*rich[: KEPT // 2], *rich[KEPT // 2 :: max(1, len(rich) // (KEPT // 2))]]
    FOLDER.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(vector(ops), ensure_ascii=True, sort_keys=True) for ops in chosen)
    (FOLDER / "merge.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def write_examples() -> None:
    """Writes what pairings and seals give with fixed keys."""
    for module in (test_sealed_channel, test_pairing):
        module.VECTORS.write_text(json.dumps(module.vectors(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
    write_examples()
