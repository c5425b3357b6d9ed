"""What may leave a sandboxed run, by the one line that it has to the outside?"""
