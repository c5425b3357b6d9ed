"""How do a person's devices come in? What they report (`state`), and what they hand over and get (`sync`)."""
