"""What did a person's own agents do on this machine before, and how does that become journal entries and answers?"""
