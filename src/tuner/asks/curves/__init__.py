"""Curves of runs and groups: which are drawn, and what has to be said about them."""
