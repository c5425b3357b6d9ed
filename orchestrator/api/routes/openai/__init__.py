"""How do programs that speak OpenAI's protocol come in? `endpoints` is the blueprint; the rest is one idea a file."""
