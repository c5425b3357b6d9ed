"""Which commands are about the clone of a ledger in which one stands? Its check, and what all others ask of it."""
