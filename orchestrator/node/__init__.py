"""What does this machine take on, do and hand back, all day?

loop · scheduler · executor · heartbeat · outbox.
"""
