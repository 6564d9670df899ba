"""Usage report: how allocated CPUs and memory were used, and which request would fit better. No I/O, no clock.

A `UsageAccumulator` takes snapshots, oldest first, and returns a `Report`. Its figures:

- *Granted* is SLURM's time from a job's start to its end (for a running job: to the last snapshot) times its CPUs and
  its memory, as ``sacct`` counts it in CPUTimeRAW. The time in which a job was suspended is excluded, as far as it was
  observed.
- *Used* is what the workers measured. Each snapshot counts for half of the time to the previous one and half of the
  time to the next one, so the number and spacing of snapshots do not matter. If two snapshots are too far apart, or
  dask did not answer, the time is *not observed*; nothing is extrapolated. SLURM's CPU time is used instead if it is
  higher: it includes the time before the first snapshot and processes that tasks start. The rest of that time stays
  *not observed*.
- The remaining time is divided into: before the first worker, without workers later, workers without tasks, and idle.

Memory is bounded: a few sums and maxima per job, and a time series of at most `series.MOST_STEPS` steps.
"""

from dasktop.collectors.analysis.usage.cluster import FIELDS, UsageAccumulator, usual_seconds
from dasktop.collectors.model.report import Report, report_json, report_schema

__all__ = ["FIELDS", "Report", "UsageAccumulator", "report_json", "report_schema", "usual_seconds"]
