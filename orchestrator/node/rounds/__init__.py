"""What is a round of the node's loop made of? Its fetch, its turn to fold, its trouble, the pause after it."""
