"""What the ledger says about whether a result, or a mission that an agent proposed, needs a person."""
