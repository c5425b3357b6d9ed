"""How do programs and devices come in over HTTP?

route · token and scope · problem (RFC 9457) · stream.
"""
