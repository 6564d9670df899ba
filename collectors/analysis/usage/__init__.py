"""Waste: where the hours that SLURM granted went, and what a better-fitting request would be. Pure: no I/O, no clock.

A `UsageAccumulator` is fed snapshots, oldest first, and yields a `Report`. Three things make its figures:

- *Granted* are SLURM's own times: from a job's start to its end (while it runs: to the last snapshot), times its CPUs
  and its memory. That is what ``sacct`` calls CPUTimeRAW, and what the site counts; time in which a job was suspended
  is left out of it, as far as somebody looked.
- *Used* is what the workers measured. Each snapshot stands for the time half-way to its neighbours, so it makes no
  difference how many snapshots there are of a time, or whether they are evenly apart. Where neighbours are too far
  apart, or dask did not answer, nothing is known, and that is told as *not observed*; nothing is extrapolated. SLURM's
  own figure of the CPU time is taken instead where it is higher: it knows of the time before the first snapshot, and of
  processes that tasks start. It makes nothing else known of that time: the rest of it stays *not observed*.
- The rest is told apart by what was there: no worker yet, no worker any more, workers without tasks, workers at work.

Memory is bounded: a few sums and maxima for each job, and a picture of the whole time in at most `grid.MOST_STEPS`
steps.
"""

from dasktop.collectors.analysis.usage.cluster import FIELDS, UsageAccumulator, usual_seconds
from dasktop.collectors.model.report import Report, report_json, report_schema

__all__ = ["FIELDS", "Report", "UsageAccumulator", "report_json", "report_schema", "usual_seconds"]
