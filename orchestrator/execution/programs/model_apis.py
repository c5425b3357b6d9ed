"""Which model APIs do agents' programs call, and for which has this node a key?"""

from __future__ import annotations

import os
from collections.abc import Mapping

from orchestrator.execution.programs.port import ModelApi

ANTHROPIC = ModelApi(
    name="anthropic",
    url="https://api.anthropic.com",
    base="ANTHROPIC_BASE_URL",
    key="ANTHROPIC_API_KEY",
    header="x-api-key",
)
CLAUDE_TOKEN = ModelApi(
    name="anthropic", url="https://api.anthropic.com", base="ANTHROPIC_BASE_URL", key="CLAUDE_CODE_OAUTH_TOKEN"
)
"""The same API with the long-lived token of a subscription (`claude setup-token`)."""
OPENAI = ModelApi(name="openai", url="https://api.openai.com", base="OPENAI_BASE_URL", key="OPENAI_API_KEY", path="/v1")
GEMINI = ModelApi(
    name="gemini",
    url="https://generativelanguage.googleapis.com",
    base="GOOGLE_GEMINI_BASE_URL",
    key="GEMINI_API_KEY",
    header="x-goog-api-key",
)


def with_keys(*upstreams: ModelApi, environ: Mapping[str, str] | None = None) -> tuple[ModelApi, ...]:
    """Those for which the node's environment has a key, in this order."""
    environ = os.environ if environ is None else environ
    return tuple(each for each in upstreams if environ.get(each.key, "").strip())
