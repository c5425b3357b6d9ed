"""What speaks on the line that a sandboxed run has to the outside."""
