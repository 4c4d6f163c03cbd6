"""The checks of `doctor`: each looks at one thing, read-only, and says the cure where it fails."""
