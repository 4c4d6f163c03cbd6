"""A browser for the page's tests, and what a person would do with it."""
