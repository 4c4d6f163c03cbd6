"""IAM Identity Center and its directory: who has which access, and who people are."""
