"""How do programs that speak the Agent Client Protocol (ACP) do rounds of work, as any other agent's program?"""
