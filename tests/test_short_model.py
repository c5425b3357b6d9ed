"""Is the tests' short model the embedded one with fewer layers, and nothing else?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.adapters.models.gguf import read_gguf_info
from orchestrator.adapters.models.model_file import EmbeddedModel
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


def test_what_is_no_model_is_not_cut(tmp_path: Path) -> None:
    """Rather than a file that looks like one."""
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGML" + bytes(60))
    with pytest.raises(AssertionError):
        short_model.cut(path, tmp_path / "y.gguf")
