"""What a report is made of: sums that events are counted into, and the words that they come to."""
