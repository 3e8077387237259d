"""What the data of a run looks like, and how far simple models get on it."""
