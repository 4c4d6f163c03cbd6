"""What operators see: the log, its figures, and the steps of sessions."""
