"""How do traces of missions and chats leave a node? By OpenTelemetry, where a machine's settings ask for it."""
