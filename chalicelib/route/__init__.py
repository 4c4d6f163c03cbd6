"""The route that Slack's presses come to: it reads, writes one row and answers."""
