"""`shiftbook fleet`: the nodes, what they spent, and who may do what."""
