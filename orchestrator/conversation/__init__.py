"""Chats: how a person's message becomes an answer that the next device and the next instance can go on from."""
