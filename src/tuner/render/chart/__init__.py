"""Charts: panels of curves drawn in a terminal or as an image."""
