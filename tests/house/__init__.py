"""What holds of the house as a whole."""
