"""Is the tests' short model the embedded one with fewer layers, and nothing else?"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from orchestrator.adapters.models.gguf import read_gguf_info
from orchestrator.adapters.models.model_file import EmbeddedModel, ModelFile
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.core.ports.model import Prompt, PromptMessage
from tests import short_model


@pytest.mark.model
def test_it_differs_by_its_layers_alone(gguf: Path, tmp_path: Path) -> None:
    """Context, kind and vocabulary are kept; with all layers it would be the same model again."""
    whole = EmbeddedModel().file()
    full, cut = read_gguf_info(whole), read_gguf_info(gguf)
    assert (cut.context_tokens, cut.quantisation) == (full.context_tokens, full.quantisation)
    assert 0 < cut.parameters < full.parameters / 3
    again = short_model.cut(whole, tmp_path / "again.gguf", layers=30)
    assert read_gguf_info(again) == full
    assert abs(again.stat().st_size - whole.stat().st_size) < short_model.ALIGNMENT


@pytest.mark.model
@pytest.mark.parametrize("fixture", ["gguf", "brief_gguf"])
def test_it_answers(fixture: str, request: pytest.FixtureRequest) -> None:
    """As far as it may, or until a word that comes soon."""
    model = XLlamaCpp(ModelFile(path=request.getfixturevalue(fixture)), context_tokens=1024, slots=1)
    asked = Prompt(messages=(PromptMessage(role="user", content="Hello?"),), max_tokens=300)
    made = model.generate(asked, on_text=lambda _: None, stop=threading.Event())
    model.close()
    assert (made.text != "", made.finish) == (True, "length" if fixture == "gguf" else "stop")


def test_what_is_no_model_is_not_cut(tmp_path: Path) -> None:
    """Rather than a file that looks like one."""
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGML" + bytes(60))
    with pytest.raises(AssertionError):
        short_model.cut(path, tmp_path / "y.gguf")
