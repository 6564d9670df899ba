"""Event loops, folders, files and users: the program's interface to the operating system."""
