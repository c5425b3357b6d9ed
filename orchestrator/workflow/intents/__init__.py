"""What becomes of the orders, called intents, that a device gave while it was offline?"""
