"""How do missions travel over a bus beside the ledger? A worker takes them off it, headquarters records them."""
