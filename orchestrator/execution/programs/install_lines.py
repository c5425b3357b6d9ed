"""What does a person type to install what an agent needs?"""

from __future__ import annotations

from collections.abc import Mapping

INSTALL_LINES: Mapping[str, str] = {
    "claude": "npm install -g @anthropic-ai/claude-code",
    "codex": "npm install -g @openai/codex",
    "gemini": "npm install -g @google/gemini-cli",
    "opencode": "npm install -g opencode-ai",
    "aider": "pipx install aider-chat",
    "qwen": "npm install -g @qwen-code/qwen-code",
    "copilot": "npm install -g @github/copilot",
    "command": "apt-get install bubblewrap",
}
"""By agent; `command` needs a sandbox."""
