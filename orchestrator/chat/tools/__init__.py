"""Which tools have the built-in agent and chats? One file each, all of them inside one workspace."""
