"""The figures: how fast, how small and how cheap, and how each was taken. Never ships."""

PARTS = ("package", "cold", "http", "access", "sweep", "calls", "log", "burst", "report", "reading")
