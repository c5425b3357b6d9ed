"""How are questions about the fleet answered from what is written, and by no model's recollection?"""
