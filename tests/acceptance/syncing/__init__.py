"""Devices and nodes that sync over HTTP while answers, clocks and disks go wrong."""
