"""What do suppliers tell the fleet, and which of it becomes a mission?"""
