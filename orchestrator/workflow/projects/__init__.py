"""How do repositories become projects of the fleet?"""
