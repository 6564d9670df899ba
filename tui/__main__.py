"""Runs the command line as ``python -m dasktop.tui``."""

from dasktop.tui.cli.main import main

if __name__ == "__main__":
    main()
