"""The choices of a run: one file a family, one class a choice. Importing them reads no torch.

A new choice is one new file here, or one more class in a file: `tuner.config.settings` imports whatever is here.
"""
