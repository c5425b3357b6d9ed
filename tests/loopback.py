"""On what do stand-ins answer? On a server of loopback that many may call at once, also where the machine is busy.

The standard library's has room for five callers that wait. Where its thread comes too late, the system drops the next
one's knock, which comes again after a second: longer than some callers wait.
"""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer


class LoopbackServer(ThreadingHTTPServer):
    """A caller that hangs up, or is killed, is what some tests are about, and nothing to speak of."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Tells of what is no broken connection."""
        if not isinstance(sys.exception(), OSError | ValueError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
