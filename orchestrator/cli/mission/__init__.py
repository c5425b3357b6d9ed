"""What does a person do with missions: file, list, show, follow, order, decide, hand over?"""
