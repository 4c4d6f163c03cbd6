"""CloudTrail's records: what one says, and whose session it belongs to."""
