"""How does a message reach people?"""
