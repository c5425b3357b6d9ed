"""What do the tests of every package share?"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from orchestrator.adapters.models.model_file import EmbeddedModel, ModelFile
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from tests import authorities, databases, schedule, short_model
from tests.ledgers import Keys
from tests.worker_server import pytest_xdist_setupnodes as pytest_xdist_setupnodes

if TYPE_CHECKING:
    from orchestrator.adapters.models.llamacpp import LlamaCpp
    from tests.llama_server import Llama
    from tests.ollama_shim import Shim

os.environ.setdefault("LLM_PROVIDER_OVERRIDE", "xllamacpp")  # an Ollama on this machine is none of the tests' business
authorities.believe_nobody()
ANY_MACHINE = settings(settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes says something of the machine, not of the code."""
settings.register_profile("suite", ANY_MACHINE, max_examples=40, derandomize=True, database=None)
settings.register_profile("thorough", ANY_MACHINE, max_examples=1000)  # `make nightly`, with other examples each night
settings.load_profile("suite")
NIGHTLY_SECONDS = 4 * 3600
"""For a long form that hangs; the suite's limit (pyproject.toml) ended those that a busy machine does slowly."""
ROOT = Path(__file__).resolve().parents[1]
REQUIRED = os.environ.get("SHIFTBOOK_REQUIRE_SERVICES") == "1"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several workers share the tests, the slow modules begin first; every worker collects the same order. A long
    form has as long as it takes."""
    for item in items:
        if item.get_closest_marker("nightly") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(NIGHTLY_SECONDS))
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    if workers > 1:
        tests = [(item.path.relative_to(ROOT).as_posix(), item) for item in items]
        items[:] = schedule.ordered(tests, workers)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests and all modules are looked through for garbage neither while they come to be nor later. What
    tests leave (apps, their routes, reports) is not looked through again and again: that was a fifth of a worker's
    processor time. Young garbage still goes."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 1_000)
        gc.enable()


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
def embedded() -> Iterator[XLlamaCpp]:
    """The embedded model, loaded once for all tests that use it; mark them `model`."""
    model = XLlamaCpp(EmbeddedModel(), context_tokens=2048)
    why = model.missing()
    if why:
        lacking(why)
    yield model
    model.close()


@pytest.fixture(scope="session")
def llamacpp(gguf: Path) -> Iterator[LlamaCpp]:
    """The short model through llama-cpp-python, which is built from source."""
    from orchestrator.adapters.models.llamacpp import LlamaCpp

    model = LlamaCpp(ModelFile(path=gguf), context_tokens=2048)
    why = model.missing()
    if why:
        lacking(why)
    yield model
    model.close()


@pytest.fixture(scope="session")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's file: the embedded one's first layers, under its name."""
    weights = EmbeddedModel()
    why = weights.missing()
    if why:
        lacking(why)
    return short_model.cut(weights.file(), tmp_path_factory.mktemp("model") / f"{weights.name}.gguf")


@pytest.fixture(scope="session")
def brief_gguf(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That one, which ends an answer after a few words: it else goes on as far as it may."""
    return short_model.cut(gguf, tmp_path_factory.mktemp("brief") / gguf.name, ends=short_model.SOON)


@pytest.fixture(scope="session")
def short(gguf: Path) -> Iterator[XLlamaCpp]:
    """That model, loaded once for all tests that use it, where it is no matter what it says."""
    model = XLlamaCpp(ModelFile(path=gguf), context_tokens=2048)
    yield model
    model.close()


@pytest.fixture(scope="session")
def llama(gguf: Path) -> Iterator[Llama]:
    """A real llama.cpp server with the short model."""
    from tests.llama_server import llama_server

    with llama_server(gguf) as server:
        yield server


@pytest.fixture(scope="session")
def llama_vectors(gguf: Path) -> Iterator[Llama]:
    """The same for embeddings: llama.cpp does one or the other well."""
    from tests.llama_server import llama_server

    with llama_server(gguf, embedding=True) as server:
        yield server


@pytest.fixture(scope="session")
def shim(llama: Llama, llama_vectors: Llama) -> Iterator[Shim]:
    """A stand-in for Ollama in front of both."""
    from tests.ollama_shim import ollama_shim

    with ollama_shim(llama, llama_vectors) as server:
        yield server


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Real ssh keys, made when a test first names them."""
    require_program("ssh-keygen")
    return Keys(folder=tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[databases.Server]:
    """A real PostgreSQL, started when a test first names it."""
    found = databases.programs()
    if found is None:
        lacking("postgresql is not installed")
    assert found is not None
    with databases.postgresql(found) as server:
        yield server
