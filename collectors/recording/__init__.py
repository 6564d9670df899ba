"""Recordings: a stream of snapshots in a file, written live and replayed later. Independent of the screen.

A recording is NDJSON, gzipped if its name ends in ``.gz``. Each line is one object:

- the *head*, first: ``{"recording": 1, "program": "dasktop 0.1.0", "begun_at": …, "redacted": false}``;
- a *keyframe*: a full snapshot, exactly as ``dasktop snapshot`` prints it;
- a *delta*: ``{"taken_at": …, "since": …, …}``, the changes since the keyframe taken at ``since``, the last one
  before it; see `dasktop.collectors.recording.delta`.

So decoding a line needs at most one other line, a damaged delta affects no other line, and a seek reads two lines. In a
``.gz`` file each keyframe begins a new gzip member, and each line is flushed when it is written: ``zcat`` can read such
a file, and a truncated one is valid up to its last complete line.
"""
