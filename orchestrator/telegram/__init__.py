"""How do people come in by a chat of Telegram: what may they say there, and what are they told?"""
