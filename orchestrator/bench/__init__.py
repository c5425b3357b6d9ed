"""Which promises of speed does this program keep on this machine? One module for each benchmark, with `measure()`."""
