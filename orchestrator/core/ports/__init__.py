"""What does the product ask of what stands outside it, and what does each promise?"""
