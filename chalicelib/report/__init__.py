"""The report of a session, from reading the trail to the mail."""
