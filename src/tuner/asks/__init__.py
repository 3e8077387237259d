"""One question a file, each answered by `ask(...) -> Answer`; a command shows it in the form that is asked for."""
