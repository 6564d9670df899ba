"""SLURM's reason codes for pending jobs: what each means, and what to do about it. Pure.

The set of codes is open (about 200, and growing) and a reason may also be free text; for an unknown reason there is
``None``, and callers show it unchanged. Spellings are those of SLURM 22.05; meanings follow
https://slurm.schedmd.com/job_reason_codes.html and https://slurm.schedmd.com/resource_limits.html.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple


class Reason(NamedTuple):
    """The meaning of a reason code."""

    code: str
    """As SLURM spells it, without details; for free text, a code of the same meaning."""
    meaning: str
    """A clause that follows "the job is pending:"."""
    advice: str
    """What to do, as a clause; ``""`` if there is nothing to do but wait.

    ``JOBID`` in it stands for the job's id.
    """
    resolves_by_waiting: bool | None
    """Whether the job will start without any change to it.

    ``False`` also for a job that is held: see `HELD`. ``None``: the code alone does not say.
    """


_RELEASE = "release it: scontrol release JOBID"
_ADMIN = "ask the administrators"
_SHORTER = "request less time: scontrol update JobId=JOBID TimeLimit=…, or a shorter walltime= in the cluster"
_SMALLER = "request less: cancel it, and submit a smaller job"

_CODES = (
    Reason(
        "Priority", "other jobs have a higher priority", "a smaller or shorter job may start sooner (backfill)", True
    ),
    Reason(
        "Resources",
        "it is waiting for free resources",
        "a smaller or shorter job may start sooner",
        True,
    ),
    Reason("Dependency", "a job that it depends on has not met the dependency yet", "", True),
    Reason(
        "DependencyNeverSatisfied",
        "its dependency can no longer be met",
        "cancel it, or remove the dependency: scontrol update JobId=JOBID Dependency=",
        False,
    ),
    Reason(
        "BeginTime",
        "its earliest start time (--begin) has not been reached",
        "scontrol update JobId=JOBID StartTime=now",
        True,
    ),
    Reason("JobHeldUser", "it is held by its user", _RELEASE, False),
    Reason("JobHeldAdmin", "it is held by an administrator", "only an administrator can release it", False),
    Reason(
        "JobHoldMaxRequeue",
        "it is held: it was requeued too many times",
        f"find out why it fails, then {_RELEASE}",
        False,
    ),
    Reason(
        "ReqNodeNotAvail",
        "nodes that it requires are down, drained or reserved",
        "do not request specific nodes; before a maintenance, only jobs that end before it can start",
        True,
    ),
    Reason("Reservation", "its reservation has not started, or has no free resources", "", True),
    Reason(
        "ReservationDeleted", "the reservation that it requests was deleted", "submit it without a reservation", False
    ),
    Reason("PartitionDown", "its partition is down", "use another partition, or wait", True),
    Reason("PartitionInactive", "its partition is inactive", "use another partition, or wait", True),
    Reason("PartitionTimeLimit", "it requests more time than its partition allows", _SHORTER, False),
    Reason(
        "PartitionNodeLimit",
        "it requests more nodes than its partition allows, or than are available there",
        "request fewer nodes, or use another partition",
        None,
    ),
    Reason(
        "PartitionConfig", "the configuration of its partition does not allow it to run", "use another partition", False
    ),
    Reason("BadConstraints", "no node meets its constraints (-C, --mem, --gres, -w …)", _SMALLER, False),
    Reason("MaxMemPerLimit", "it requests more memory per CPU or node than is allowed", _SMALLER, False),
    Reason("Licenses", "the licenses that it requests are in use", "", True),
    Reason("JobArrayTaskLimit", "its job array has reached its limit of running jobs (%N)", "", True),
    Reason("NodeDown", "a node that it requires is down", "", True),
    Reason("FrontEndDown", "no front end is up", "", True),
    Reason("Prolog", "its prolog is still running", "", True),
    Reason("Cleaning", "its previous run is being cleaned up", "", True),
    Reason("BurstBufferResources", "burst buffers are in use", "", True),
    Reason("BurstBufferStageIn", "its files are being staged in to a burst buffer", "", True),
    Reason("InvalidAccount", "its account is not valid", "submit it with another account", False),
    Reason("InvalidQOS", "its QOS is not valid", "submit it with another QOS", False),
    Reason("AccountNotAllowed", "its account may not use this partition", "use another account or partition", False),
    Reason("QOSNotAllowed", "its QOS may not be used with this account or partition", "use another QOS", False),
    Reason(
        "JobLaunchFailure", "it could not be started on its nodes", f"{_RELEASE}; if it fails again, {_ADMIN}", False
    ),
    Reason("DeadLine", "it can no longer end before its deadline", "cancel it", False),
    Reason("AssocMaxJobsLimit", "you have reached your account's limit of running jobs", "", True),
    Reason("QOSMaxJobsPerUserLimit", "you have reached the QOS's limit of running jobs", "", True),
    Reason("MaxJobsPerAccount", "your account has reached the QOS's limit of running jobs", "", True),
    Reason("AssocMaxWallDurationPerJobLimit", "it requests more time than your account allows", _SHORTER, False),
    Reason("QOSMaxWallDurationPerJobLimit", "it requests more time than its QOS allows", _SHORTER, False),
    Reason("AssocGrpJobsLimit", "your account has reached its limit of running jobs", "", True),
    Reason("QOSGrpJobsLimit", "its QOS has reached its limit of running jobs", "", True),
    Reason("QOSUsageThreshold", "its QOS is below its usage threshold", "", True),
    Reason(
        "QOSMinCpuNotSatisfied",
        "it requests fewer CPUs than its QOS requires",
        "request more, or use another QOS",
        False,
    ),
)

HELD: frozenset[str] = frozenset({"JobHeldUser", "JobHeldAdmin", "JobHoldMaxRequeue", "JobLaunchFailure"})
"""The codes of held jobs: they can start only after they are released."""

WAITING_FOR_NODES: frozenset[str] = frozenset({"Priority", "Resources", "ReqNodeNotAvail"})
"""The codes of jobs that start once nodes are free; a job that requires certain nodes may wait longer."""
_MOST_NODES = 4

REASONS: dict[str, Reason] = {reason.code: reason for reason in _CODES}
"""Reasons by code; `reason_of` also parses the codes of account and QOS limits."""

# Reasons that SLURM gives as text (slurmctld's job_mgr.c and node_scheduler.c), by a constant part.
_IN_WORDS = (
    ("nodes required for job are down", "ReqNodeNotAvail"),
    ("launch failed requeued held", "JobLaunchFailure"),
    ("user env retrieval failed requeued held", "JobLaunchFailure"),
    ("job requeued in held state", "JobHeldUser"),
    ("job requeued in special exit state", "JobHeldUser"),
)

# AssocGrpCpuLimit, AssocMaxGRESPerJob, QOSMaxMemoryPerUser, QOSGrpCPURunMinutesLimit, MaxNodePerAccount, QOSMinGRES …
_LIMIT = re.compile(
    r"(?P<of>Assoc|QOS|)(?P<kind>Grp|Max|Min)(?P<what>CPU|Cpu|Mem|Memory|Node|GRES|License|BB|Billing|Energy|Unknown|Wall)"
    r"(?P<run>Run)?(?P<time>Minutes)?(?P<per>Per(?:Job|Node|User|Account))?(?:Limit)?"
)

_WHAT = {
    "cpu": "CPUs",
    "mem": "memory",
    "memory": "memory",
    "node": "nodes",
    "gres": "GPUs or other devices",
    "license": "licenses",
    "bb": "burst buffers",
    "billing": "billing units",
    "energy": "energy",
    "unknown": "a resource",
    "wall": "time",
}
_OF = {"Assoc": "your account", "QOS": "its QOS", "": "its QOS"}


def reason_of(reason: str | None) -> Reason | None:
    """Return what a job's reason means; ``None`` if it has none, or an unknown one.

    Parameters
    ----------
    reason
        As ``squeue`` prints it (``%r``): a code, a code followed by details (``ReqNodeNotAvail,
        UnavailableNodes:n1``), or free text, with spaces or underscores.
    """
    if not reason:
        return None
    code = re.split(r"[^A-Za-z]", reason, maxsplit=1)[0]
    if code in REASONS:
        return REASONS[code]
    if limit := _LIMIT.fullmatch(code):
        return _of_limit(code, limit)
    words = reason.replace("_", " ").casefold()
    return next((REASONS[code] for part, code in _IN_WORDS if part in words), None)


def requirement(nodes: Sequence[str] | None, features: str | None) -> str | None:
    """Return which nodes a job requires, such as ``node n1 (--nodelist)``; ``None`` if it can use any."""
    parts = []
    if nodes:
        more = len(nodes) - _MOST_NODES
        names = ", ".join(nodes[:_MOST_NODES]) + (f" and {more} more" if more > 0 else "")
        parts.append(f"{'node' if len(nodes) == 1 else 'nodes'} {names} (--nodelist)")
    if features:
        parts.append(f"nodes with feature {features} (--constraint)")
    return " and ".join(parts) or None


def advice_for(reason: Reason, job_id: str, nodes: Sequence[str] | None, features: str | None) -> str:
    """Return what to do about a pending job; ``""`` if there is nothing to do but wait.

    Parameters
    ----------
    reason
        Why it is pending.
    job_id
        Its id, as SLURM shows it.
    nodes, features
        What it requires; ``None`` if unknown.
    """
    if reason.code in WAITING_FOR_NODES and (nodes or features):
        cleared = [word for word, is_asked in (("ReqNodeList=", nodes), ("Features=", features)) if is_asked]
        return f"allow other nodes: scontrol update JobId={job_id} {' '.join(cleared)}"
    return reason.advice.replace("JOBID", job_id)


def _of_limit(code: str, limit: re.Match[str]) -> Reason:
    """Return the meaning of an account or QOS limit, from the parts of its name."""
    what, of = _WHAT[limit["what"].casefold()], _OF[limit["of"]]
    if limit["kind"] == "Min":
        return Reason(code, f"it requests less than {of} requires: {what}", "request more, or use another QOS", False)
    if limit["per"] in ("PerJob", "PerNode"):
        scope = "per job" if limit["per"] == "PerJob" else "per node"
        much = f"{what} × time" if limit["time"] else what
        return Reason(code, f"it requests more than {of} allows {scope}: {much}", _SMALLER, False)
    if limit["run"]:  # allocated amount × remaining time of running jobs: it shrinks by itself
        return Reason(code, f"running jobs have reached the limit of {of}: {what} × time", "", True)
    if limit["time"] or limit["what"] == "Wall":
        # Usage decays over time, unless the site has disabled that.
        used = "time" if limit["what"] == "Wall" else f"{what} × time"
        return Reason(code, f"{of} has reached its usage limit: {used}", _ADMIN, None)
    whose = {"PerUser": "your jobs", "PerAccount": "your account's jobs"}.get(limit["per"] or "", "running jobs")
    return Reason(code, f"{whose} have reached the limit of {of}: {what}", "it starts when other jobs end", True)
