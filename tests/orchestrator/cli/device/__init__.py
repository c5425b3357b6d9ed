"""Facts about the commands for devices."""
