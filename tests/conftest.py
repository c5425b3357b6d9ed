"""What do the tests of every package share?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from orchestrator.models.embedded import EmbeddedModel
from orchestrator.models.xllamacpp import XLlamaCpp
from tests.ledgers import Keys

REQUIRED = os.environ.get("SHIFTBOOK_REQUIRE_SERVICES") == "1"


def lacking(reason: str) -> None:
    """Skips a test for what this machine lacks; fails it where CI promises that nothing is lacking."""
    if REQUIRED:
        pytest.fail(f"{reason}, and SHIFTBOOK_REQUIRE_SERVICES=1", pytrace=False)
    pytest.skip(reason)


def require_program(name: str) -> str:
    """The path of a program that a test cannot do without."""
    found = shutil.which(name)
    if not found:
        lacking(f"{name} is not installed")
    return str(found)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[XLlamaCpp]:
    """The embedded model, loaded once for all tests that use it; mark them `model`."""
    model = XLlamaCpp(EmbeddedModel(cache=tmp_path_factory.mktemp("models")), context_tokens=2048)
    why = model.missing()
    if why:
        lacking(why)
    yield model
    model.close()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Real ssh keys, made when a test first names them."""
    require_program("ssh-keygen")
    return Keys(folder=tmp_path_factory.mktemp("keys"))
