"""What `chalice deploy` does besides; nothing of it is imported in Lambda."""
