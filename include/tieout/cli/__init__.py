"""The command line: the steps for a shell; `main` holds the commands, `views` the pictures."""
