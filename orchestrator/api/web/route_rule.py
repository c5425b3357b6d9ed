"""How does a route come without what would build its address? That is compiled when an address is asked for.

werkzeug compiles two functions for each route by which `url_for` makes its address. Nothing here makes one, and for a
hundred routes that takes longer than all else that is done before a node serves.
"""

from __future__ import annotations

from collections.abc import Callable

from werkzeug.routing import Rule


class RouteRule(Rule):
    """A rule that matches as every other does."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = super()._compile_builder

        def build(rule: Rule, /, **values: object) -> tuple[str, str]:
            return compiled(append_unknown)(rule, **values)

        return build
