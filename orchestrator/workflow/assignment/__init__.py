"""Which project and agent does a request mean that does not say so? Explainable, and asking where it is not certain."""
