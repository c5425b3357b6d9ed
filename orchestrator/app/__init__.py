"""How is it installed, put together, started, checked and saved?

wiring and factories (who builds whom) · setup · doctor · backup · demo. The only room that names adapters.
"""
