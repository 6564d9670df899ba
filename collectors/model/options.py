"""What to watch and how often: the choices of one run, the same for the screen and headless. Imports nothing heavy."""

from dasktop.collectors.model.snapshot import Record
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds

INTERVAL_FLOOR_SECONDS = 0.5
SLURM_INTERVAL_FLOOR_SECONDS = 5.0
"""squeue's manual asks not to run it in a loop; sites throttle or ban who does."""

SLURM_CALM_SECONDS = 30.0
"""As seldom the screen asks SLURM while neither its answers change nor the workers do."""


class TlsFiles(Record, frozen=True, kw_only=True):
    """Certificates for a TLS scheduler. What is ``None`` is left to dask's own configuration."""

    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None


def completed_tls(given: TlsFiles, found: TlsFiles) -> TlsFiles:
    """Return the certificates that were given, and what is missing of them from those that were found.

    A certificate and its key belong together.
    """
    pair = given if given.cert or given.key else found
    return TlsFiles(ca_file=given.ca_file or found.ca_file, cert=pair.cert, key=pair.key)


class Options(Record, frozen=True, kw_only=True):
    """One run's choices; each is an option of the command line."""

    address: str | None = None
    """The scheduler, if the user named it; else it is looked for."""
    scheduler_file: str | None = None
    tls: TlsFiles = TlsFiles()
    interval_seconds: float = 2.0
    slurm_interval_seconds: float = 10.0
    slurm: bool = True
    probe: bool = True
    """Whether functions may be run on the scheduler and the workers; without, only what ``identity`` tells is known."""
    user: str | None = None
    """Whose jobs; ``None``: one's own."""
    thresholds: Thresholds = DEFAULTS
    """From when on something is a finding."""
    read_only: bool = False
    """Whether nothing may be changed: no plan is carried out then."""
    drain_seconds: float = 60.0
    """How long running tasks of jobs that are given back are waited for."""
    record: str | None = None
    """A file to record all snapshots to."""
    redact: bool = False
    """Whether users, hosts, paths and names are replaced in it."""
    dask_timeout_seconds: float = 4.0
    slurm_timeout_seconds: float = 20.0
