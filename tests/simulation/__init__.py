"""How would a fleet fare: a thousand nodes, thousands of missions, a week? In virtual time, with the real code."""
