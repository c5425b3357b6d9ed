"""Whose words is a line of a document: did a model propose it, and has somebody confirmed it?"""
