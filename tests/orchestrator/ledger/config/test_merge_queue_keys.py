"""May a project have a merge queue only where that tests something, and is what is wrong told with its line?"""

from __future__ import annotations

import pytest

from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config.fleet_toml import read

TOML = '[projects.shop]\nurl = "/srv/shop.git"\n{lines}\n'
WHOLE = 'on_approval = "merge"\ntest = "make test"\nmerge_queue = true'


def test_a_queue_has_a_batch_of_five() -> None:
    """And none is there unless an admin says so."""
    part = read(TOML.format(lines=WHOLE).encode()).projects["shop"]
    assert (part.merge_queue, part.merge_queue_batch) == (True, 5)
    assert not read(TOML.format(lines="").encode()).projects["shop"].merge_queue


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (WHOLE.replace('merge"', 'push"'), 'it needs on_approval = "merge" and a `test`'),
        ('on_approval = "merge"\nmerge_queue = true', 'it needs on_approval = "merge" and a `test`'),
        (f"{WHOLE}\nmerge_queue_batch = 0", "projects.shop.merge_queue_batch"),
        (f"{WHOLE}\nmerge_queue_batch = 21", "projects.shop.merge_queue_batch"),
        (f"{WHOLE}\nmerge_queue_batch = true", "projects.shop.merge_queue_batch"),
    ],
)
def test_what_is_no_queue_is_told(lines: str, says: str) -> None:
    """In one line."""
    with pytest.raises(BrokenLedger, match=r"fleet\.toml, line \d+: ") as told:
        read(TOML.format(lines=lines).encode())
    assert says in str(told.value)
    assert "\n" not in str(told.value)
