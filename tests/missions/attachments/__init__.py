"""Facts about the files that missions come with."""
