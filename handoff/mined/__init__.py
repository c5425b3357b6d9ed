"""What of that which was mined by models holds, and what of it is a fresh instance given?"""
