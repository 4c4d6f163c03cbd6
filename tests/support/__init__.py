"""What many tests say and look at."""
