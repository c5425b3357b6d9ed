"""What has the fleet spent, and where does that lead?"""
