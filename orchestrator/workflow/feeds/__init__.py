"""How do entries of feeds become events of suppliers?"""
