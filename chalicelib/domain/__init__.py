"""What a session is, and the rules by which it moves: pure values, no clock and no outside."""
