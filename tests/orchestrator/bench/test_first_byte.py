"""Does the measurement of an agent's first byte take the slow rounds, and off them what is the agent's own?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bench import first_byte
from orchestrator.bench.first_byte import _row, measure_first_byte


@pytest.mark.parametrize(("slow", "own", "met"), [(0.9, 0.1, True), (1.3, 0.1, False), (1.3, 0.4, True)])
def test_the_slow_rounds_count_without_the_agents_own_start(slow: float, own: float, met: bool) -> None:
    """One round in ten is slow: that is what the 95th percentile sees."""
    row = _row([0.5] * 18 + [slow] * 2, own)
    assert (row.met, row.baseline) == (met, own)
    assert row.value == pytest.approx(slow - own)


@pytest.mark.nightly
def test_a_real_node_and_a_real_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round's mission is pushed, claimed and run at its project in the sandbox."""
    monkeypatch.setattr(first_byte, "WARM_UP_ROUNDS", 1)
    (row,) = measure_first_byte(tmp_path, rounds=2)
    assert row.value > 0
    assert row.baseline
    assert (tmp_path / "fleet" / "home" / "work" / "job-2-1" / "tree" / "0.txt").is_file()
