"""The dask source: attach to a scheduler, query it and its workers, return readings."""
