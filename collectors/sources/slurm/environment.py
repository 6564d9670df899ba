"""The environment that SLURM's commands are run with: it leads them to the user's cluster.

Nothing in it changes what they print. Pure; it never reads or changes this process's own environment.
"""

from collections.abc import Mapping

# Users set these in their profiles, and sites for everyone; each changes what a command prints or asks for, or to which
# jobs it does something: with SCANCEL_STATE=PENDING, scancel leaves a running job alone and says nothing (22.05).
_COMMANDS_OWN = ("SACCT_", "SCANCEL_", "SCONTROL_", "SINFO_", "SLURM_", "SQUEUE_", "SSTAT_")

KEPT = frozenset(
    {"SLURM_CLUSTERS", "SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_SACK_JWKS", "SLURM_SACK_KEY"}
)
"""How to reach SLURM, and which: without SLURM_CLUSTERS a user whose jobs go to another cluster would see none."""

_SETTINGS = {
    "LC_ALL": "C",
    # Local times have no zone, and are ambiguous for an hour each year. TZ stays as it is: where a wrapper loses this
    # variable, local times come back, in the zone that we read them in.
    "SLURM_TIME_FORMAT": "%s",
    # Which tasks an array's line stands for: else cut after 64 characters, with ``...`` (squeue's manual, 22.05).
    "SLURM_BITSTR_LEN": "0",
}


def for_commands(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of `environment` in which SLURM's commands print what our parsers read."""
    kept = {name: value for name, value in environment.items() if name in KEPT or not name.startswith(_COMMANDS_OWN)}
    return kept | _SETTINGS
