"""What is said beside the code that a device scans?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli.device.pair import _show
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings

LINK = "http://127.0.0.1:8823/app/pair#code"


@pytest.mark.parametrize(
    ("role", "start"),
    [
        (Role.LOCAL_WORKER, "`SHIFTBOOK_DEVICE_SYNC=1 shiftbook node run`"),
        (Role.HEADQUARTERS, "`shiftbook node run`"),
    ],
)
def test_where_nothing_is_served_it_says_what_to_start_and_who_will_reach_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], role: Role, start: str
) -> None:
    """A worker's node serves no page by itself, and a phone is on another machine."""
    _show(LINK, Settings(home=tmp_path, node_id="n0", role=role))
    said = capsys.readouterr()
    assert LINK in said.out
    assert f"nothing is served here yet: start {start}" in said.err
    assert "for a phone set SHIFTBOOK_HTTP=0.0.0.0:8823" in said.err
