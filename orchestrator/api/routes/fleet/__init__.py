"""What may a program read of nodes, projects, conflicts and spending over HTTP, and who is it itself?"""
