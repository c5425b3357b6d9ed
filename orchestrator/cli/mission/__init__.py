"""`shiftbook mission`: a module for each thing that a person does with missions."""
