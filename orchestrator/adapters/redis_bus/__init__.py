"""Missions over Redis Streams: consumer groups, with fencing epochs and idempotency keys that Lua scripts keep."""
