"""The door for agents that are not run by the fleet: the Model Context Protocol over standard input and output."""
