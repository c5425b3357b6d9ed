"""How is each of a node's larger parts put together, from the adapters that `wiring` names?"""
