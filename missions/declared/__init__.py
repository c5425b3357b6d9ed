"""How are fields declared once, checked, and read quickly?"""
