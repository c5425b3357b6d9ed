"""Is what was collected left alone when garbage is looked for?"""

from __future__ import annotations

import gc


def test_garbage_is_looked_for_among_what_came_after_the_collection() -> None:
    """Modules and tests are set aside; collecting them had it switched off, running them has it on."""
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000
