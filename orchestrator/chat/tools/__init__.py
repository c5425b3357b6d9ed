"""The tools of the built-in agent and of chats: one file each, all of them inside one workspace."""
