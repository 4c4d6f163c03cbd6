"""The settings, read once, every mistake named."""
