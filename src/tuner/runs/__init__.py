"""The run folder: made, found, locked and read. It is all that training and everything else share. Readers take no
lock, write nothing, and accept any beginning of a journal. A folder without run.json is not a run."""
