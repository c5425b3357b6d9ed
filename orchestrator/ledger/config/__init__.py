"""What does `fleet.toml` say, and where in it is something wrong?"""
