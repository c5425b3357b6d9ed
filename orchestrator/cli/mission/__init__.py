"""`shiftbook mission`: one module a family of its commands."""
