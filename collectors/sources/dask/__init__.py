"""The dask half: attach to a scheduler, ask it and its workers, hand over readings."""
