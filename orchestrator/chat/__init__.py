"""How does a message become an answer?

conversation · prompt (handoff, history, message) · tool loop · handover (a mission becomes a chat and back).
"""
