"""What adapters share, which do not import one another: a POST, and what AWS says is the matter."""
