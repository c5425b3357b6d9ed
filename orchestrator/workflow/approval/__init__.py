"""How a person decides on a result, and what an approval then does with its branch."""
