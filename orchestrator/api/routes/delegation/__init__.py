"""What can a node do, who is registered with headquarters, and what was delegated?"""
