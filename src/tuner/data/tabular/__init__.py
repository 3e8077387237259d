"""A table file -> numbers: how its text is written, what its columns are, and its rows, read in blocks by polars."""
