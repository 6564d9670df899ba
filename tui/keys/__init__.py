"""The one table of keys, and what comes from it: bindings, help, the line of keys."""
