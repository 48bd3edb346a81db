"""The programs people start: flags, printing and exit codes; nothing else decides those."""
