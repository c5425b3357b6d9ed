"""The phone's door: announcement, pairing, sealed transport, device sync. It opens with the device work."""
