"""Input from and output to the terminal: abilities, themes, keys, and sending only changed cells."""
