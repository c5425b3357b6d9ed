"""What do suppliers send, and where is it kept? Their signals, and the feeds that are polled for them."""
