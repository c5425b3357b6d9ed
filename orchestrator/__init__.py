"""Shiftbook's own program: what runs missions, keeps the ledger and answers people."""

__version__ = "0.1.0"
