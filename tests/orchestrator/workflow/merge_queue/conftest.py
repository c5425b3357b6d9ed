"""What do the tests of merge queues share?"""

from tests.orchestrator.workflow.approval.conftest import scenes

__all__ = ["scenes"]
