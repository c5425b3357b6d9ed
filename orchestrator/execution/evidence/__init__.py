"""What of what a project's tests wrote is kept with the result?"""
