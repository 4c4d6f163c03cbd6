"""What the app has outside, as the tests have it; no kinder than the thing."""
