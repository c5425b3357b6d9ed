"""How do missions travel over Redis Streams? By consumer groups, with epochs and keys that Lua scripts keep."""
