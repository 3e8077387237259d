"""Diagnose, change, verify: does what a diagnosis proposes help, and what comes next? Nothing here imports torch."""
