"""How a dask-jobqueue call became a job, and what of it really runs. Pure."""
