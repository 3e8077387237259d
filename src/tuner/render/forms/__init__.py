"""The forms of an answer beside the terminal's: one a file, chosen by ``--`` and the file's name. Each has
`show(answer) -> str`, and a docstring whose first line is the option's help."""
