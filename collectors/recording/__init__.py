"""Recordings: a stream of snapshots in a file, written while watching and replayed later. Knows no screen.

A recording is NDJSON, gzipped if its name ends in ``.gz``. Each line is one object:

- the *head*, first: ``{"recording": 1, "program": "dasktop 0.1.0", "begun_at": …, "redacted": false}``;
- a *whole snapshot*, exactly as ``dasktop snapshot`` prints it;
- a *difference*: ``{"taken_at": …, "since": …, …}``, what has changed since the whole snapshot that was taken at
  ``since``, the latest one before it; see `dasktop.collectors.recording.delta`.

So every line needs at most one other, a damaged line takes no other difference with it, and to go to any moment two
lines are read. In a ``.gz`` each whole snapshot begins a new gzip member, and each line is flushed when it is written:
``zcat`` reads such a file like any other, and one that was cut short is good up to its last whole line.
"""
