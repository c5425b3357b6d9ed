"""What runs missions, keeps the ledger and answers people? Shiftbook's own program, a package for each room."""

__version__ = "0.1.0"
