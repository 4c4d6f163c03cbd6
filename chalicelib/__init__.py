"""Break Glass: emergency access to an AWS account that always closes behind you."""
