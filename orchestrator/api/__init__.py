"""The Flask app: one file a noun, each speaking to the doors that `house.House` holds."""
