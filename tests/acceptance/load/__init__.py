"""Many clients, good, bad and gone, against a served node whose backend dies and returns: `make load`."""
