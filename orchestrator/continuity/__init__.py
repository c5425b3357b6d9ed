"""Does documented context let fresh instances behave as one, and does a warning at the action help? By experiment."""
