"""By what can rows of spending be summed? Apart, because the command line names the words in its help."""

GROUP_KEYS = ("day", "node", "project", "agent", "model")
