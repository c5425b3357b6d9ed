"""How does a person decide on a result, and what does an approval then do with its branch?"""
