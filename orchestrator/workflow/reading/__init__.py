"""What do the command line and programs read of the fleet? Each fact in one form, as plain data."""
