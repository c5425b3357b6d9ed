"""How does an agent's program ask its node before it uses a tool? A hook of the program's, a socket of the node's."""
