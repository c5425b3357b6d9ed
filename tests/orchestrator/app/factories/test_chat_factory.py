"""Are the chats of a machine put together of what there is?"""

from __future__ import annotations

from pathlib import Path

from orchestrator.adapters.models.configured import configured_candidates
from orchestrator.app.factories.chat_factory import CONCURRENT_ANSWERS
from orchestrator.core.settings import Settings


def test_each_limit_of_answers_is_a_backends(tmp_path: Path) -> None:
    """A limit under a name that no model has would bind nobody; every model in this process has one."""
    here = [one for one in configured_candidates(Settings(home=tmp_path)) if one.local]
    assert {one.backend.open("").backend for one in here} == set(CONCURRENT_ANSWERS)
    assert {one.backend.backend for one in here} == set(CONCURRENT_ANSWERS)
