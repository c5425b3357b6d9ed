"""Which project, agent and node fit a request that does not say so? Explainable, and asking where it is not sure."""
