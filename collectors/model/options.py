"""The options of one run: what to watch and how often, for the screen and headless. Imports nothing heavy."""

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds

INTERVAL_FLOOR_SECONDS = 0.5
SLURM_INTERVAL_FLOOR_SECONDS = 5.0
"""squeue's manual asks not to run it in loops, and sites throttle or ban users who do."""

SLURM_CALM_SECONDS = 30.0
"""Interval at which the screen polls SLURM while neither its answers nor the workers change."""


class TlsFiles(Record, frozen=True, kw_only=True):
    """Certificates for a TLS scheduler; ``None``: as in dask's own configuration."""

    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None


def completed_tls(given: TlsFiles, found: TlsFiles) -> TlsFiles:
    """Return the given certificates, completed with the found ones.

    A certificate and its key always come from the same source.
    """
    pair = given if given.cert or given.key else found
    return TlsFiles(ca_file=given.ca_file or found.ca_file, cert=pair.cert, key=pair.key)


class Options(Record, frozen=True, kw_only=True):
    """The options of one run; each is an option of the command line."""

    address: str | None = None
    """The scheduler's address; ``None``: search for it."""
    scheduler_file: str | None = None
    tls: TlsFiles = TlsFiles()
    interval_seconds: float = 2.0
    slurm_interval_seconds: float = 10.0
    slurm: bool = True
    probe: bool = True
    """Whether functions may run on the scheduler and the workers; if not, only ``identity`` is read."""
    user: str | None = None
    """The user whose jobs are read; ``None``: the current user."""
    thresholds: Thresholds = DEFAULTS
    """Thresholds of the findings."""
    read_only: bool = False
    """Whether scaling is disabled: no plan is executed then."""
    drain_seconds: float = 60.0
    """How long to wait for running tasks of jobs to be released."""
    record: str | None = None
    """A file to which all snapshots are recorded."""
    redact: bool = False
    """Whether users, hosts, paths and names are replaced in the recording."""
    dask_timeout_seconds: float = 4.0
    slurm_timeout_seconds: float = 20.0
