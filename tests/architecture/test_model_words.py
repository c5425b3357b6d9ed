"""Is every place known that takes words from a model, with what becomes of them?"""

from __future__ import annotations

import ast

from tests.architecture.sources import MODULES, ROOT, nodes

TAKERS = {
    "orchestrator/adapters/agents/builtin.py": "a mission's answer: admission.admitted, added_words",
    "orchestrator/adapters/agents/log_review.py": "sentences of memos and briefings: none of a toy's",
    "orchestrator/adapters/models/model_check.py": "the check itself: only counts are kept",
    "orchestrator/adapters/models/routed_model.py": "passes on",
    "orchestrator/adapters/models/xllamacpp.py": "reads ahead: no words",
    "orchestrator/api/routes/openai/completions.py": "passes on to a program that asked: nothing is kept",
    "orchestrator/bench/chat.py": "measures: no words",
    "orchestrator/chat/failover.py": "passes on",
    "orchestrator/continuity/reader.py": "a study: which choice it was; a goal as one line, quoted as its words",
    "orchestrator/chat/tool_loop.py": "chats and work: AnswerStream, and admission.admitted in tool_worker",
}  # fmt: skip
"""Whoever asks a model. A new one writes down here how its words are kept out of documents unless they hold."""


def test_nobody_else_takes_words_from_a_model() -> None:
    """A call of `generate` in a module that is not listed is a way round the checks."""
    asking = set()
    for path in MODULES:
        for node in nodes(path, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "generate":
                asking.add(str(path.relative_to(ROOT)))
    assert asking == set(TAKERS)
