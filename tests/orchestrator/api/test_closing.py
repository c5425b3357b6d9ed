"""Facts about how what the web server holds is let go of."""

from __future__ import annotations

import logging

import pytest

from orchestrator.api import process
from orchestrator.api.web.access_log import LOGGER


def test_one_that_fails_keeps_no_other_from_closing(caplog: pytest.LogCaptureFixture) -> None:
    """It is noted by name; what comes after it is closed all the same."""
    closed = list[str]()

    def fail() -> None:
        raise IndexError("pop from empty list")

    with caplog.at_level(logging.WARNING, logger=LOGGER.name):
        process._call_all((lambda: closed.append("first"), fail, lambda: closed.append("last")))
    assert closed == ["first", "last"]
    assert [vars(each)["facts"]["why"] for each in caplog.records] == ["IndexError: pop from empty list"]
