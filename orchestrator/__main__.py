"""The main module: `python -m orchestrator` is the `shiftbook` command."""

from orchestrator.cli import main

main()
