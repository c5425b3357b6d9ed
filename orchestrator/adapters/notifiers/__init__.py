"""Adapters of the port `notices.courier.Courier`."""
