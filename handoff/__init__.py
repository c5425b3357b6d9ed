"""What does one instance tell the next? Pure: texts in, texts and findings out.

tier (portfolio, project, briefing, log) · entry · briefing item (cites the log) · memo · lesson · review.
"""
