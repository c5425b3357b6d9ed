"""By which keys can rows of spending be grouped? Apart, because the command line names them in its help."""

GROUP_KEYS = ("day", "node", "project", "agent", "model")
