"""What the fleet's page of settings says about policy, and where in it something is wrong."""
