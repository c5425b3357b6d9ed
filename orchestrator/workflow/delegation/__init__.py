"""Delegation over HTTP: which nodes are registered, which missions come as envelopes, what became of them?"""
