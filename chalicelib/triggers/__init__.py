"""What calls us: the queue, the stream and the schedule."""
