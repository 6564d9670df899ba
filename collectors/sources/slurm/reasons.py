"""Why a job waits, in words: SLURM's reason codes, what each means, and what one can do about it. Pure.

The set of codes is open (some 200, and growing) and a reason may also be free text; what isn't known here is ``None``,
and is to be shown as it is. Spellings are those of SLURM 22.05; meanings follow
https://slurm.schedmd.com/job_reason_codes.html and https://slurm.schedmd.com/resource_limits.html.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple


class Reason(NamedTuple):
    """What a reason code says."""

    code: str
    """As SLURM spells it, without what may stand behind it; for free text, a code of the same meaning."""
    meaning: str
    """Half a sentence, to be read after "the job waits:"."""
    advice: str
    """What one can do, as half a sentence; ``""`` where there is nothing to be done but to wait.

    ``JOBID`` in it stands for the job's id.
    """
    cures_by_waiting: bool | None
    """Whether the job starts by itself some day, if nobody changes anything about it.

    ``False`` also for a job that is held: see `HELD`. ``None``: the code alone doesn't tell.
    """


_RELEASE = "scontrol release JOBID lets it go"
_ADMIN = "ask the administrators"
_SHORTER = "ask for less time: scontrol update JobId=JOBID TimeLimit=…, or walltime= of the cluster"
_SMALLER = "ask for less: cancel it, and submit a smaller one"

_CODES = (
    Reason("Priority", "other jobs have a higher priority", "a smaller or shorter job may fit in between", True),
    Reason(
        "Resources",
        "it is next, as soon as what it asks for is free",
        "a smaller or shorter job may start sooner",
        True,
    ),
    Reason("Dependency", "a job that it depends on has not ended yet, or not as it has to", "", True),
    Reason(
        "DependencyNeverSatisfied",
        "a job that it depends on ended in another way than it has to",
        "cancel it, or take its dependency away: scontrol update JobId=JOBID Dependency=",
        False,
    ),
    Reason("BeginTime", "its earliest start has not come yet", "scontrol update JobId=JOBID StartTime=now", True),
    Reason("JobHeldUser", "it is held by its user", _RELEASE, False),
    Reason("JobHeldAdmin", "it is held by an administrator", "only an administrator can release it", False),
    Reason("JobHoldMaxRequeue", "it is held: it was requeued too often", f"find out why it fails; {_RELEASE}", False),
    Reason(
        "ReqNodeNotAvail",
        "nodes that it needs are down, drained or reserved",
        "name no nodes; before a maintenance only a job can start that ends in time",
        True,
    ),
    Reason("Reservation", "its reservation has not begun, or has no room", "", True),
    Reason("ReservationDeleted", "the reservation that it asks for was deleted", "submit it without", False),
    Reason("PartitionDown", "its partition is down", "use another partition, or wait", True),
    Reason("PartitionInactive", "its partition is inactive", "use another partition, or wait", True),
    Reason("PartitionTimeLimit", "it asks for more time than its partition allows", _SHORTER, False),
    Reason(
        "PartitionNodeLimit",
        "it asks for more nodes than its partition allows, or has left",
        "ask for fewer nodes, or use another partition",
        None,
    ),
    Reason("PartitionConfig", "its partition is set up so that it can't run", "use another partition", False),
    Reason("BadConstraints", "no node is what it asks for (-C, --mem, --gres, -w …)", _SMALLER, False),
    Reason("MaxMemPerLimit", "it asks for more memory a CPU or node than is allowed", _SMALLER, False),
    Reason("Licenses", "the licences that it needs are in use", "", True),
    Reason("JobArrayTaskLimit", "as many of its array run as its %N allows", "", True),
    Reason("NodeDown", "a node that it needs is down", "", True),
    Reason("FrontEndDown", "no front end is up", "", True),
    Reason("Prolog", "its prolog is still running", "", True),
    Reason("Cleaning", "what its last run left is being cleaned up", "", True),
    Reason("BurstBufferResources", "burst buffers are in use", "", True),
    Reason("BurstBufferStageIn", "its files are being copied to a burst buffer", "", True),
    Reason("InvalidAccount", "its account is not valid", "submit it with another account", False),
    Reason("InvalidQOS", "its QOS is not valid", "submit it with another QOS", False),
    Reason("AccountNotAllowed", "its account may not use this partition", "use another account or partition", False),
    Reason("QOSNotAllowed", "its QOS may not be used with this account or partition", "use another QOS", False),
    Reason(
        "JobLaunchFailure", "it could not be started on its nodes", f"{_RELEASE}; if it fails again, {_ADMIN}", False
    ),
    Reason("DeadLine", "it can't end before its deadline any more", "cancel it", False),
    Reason("AssocMaxJobsLimit", "as many jobs of yours run as your account allows", "", True),
    Reason("QOSMaxJobsPerUserLimit", "as many jobs of yours run as the QOS allows", "", True),
    Reason("MaxJobsPerAccount", "as many jobs of your account run as the QOS allows", "", True),
    Reason("AssocMaxWallDurationPerJobLimit", "it asks for more time than your account allows", _SHORTER, False),
    Reason("QOSMaxWallDurationPerJobLimit", "it asks for more time than its QOS allows", _SHORTER, False),
    Reason("AssocGrpJobsLimit", "as many jobs of your account run as are allowed", "", True),
    Reason("QOSGrpJobsLimit", "as many jobs run in its QOS as are allowed", "", True),
    Reason("QOSUsageThreshold", "the QOS has fallen below its share", "", True),
    Reason("QOSMinCpuNotSatisfied", "it asks for fewer CPUs than its QOS wants", "ask for more, or another QOS", False),
)

HELD: frozenset[str] = frozenset({"JobHeldUser", "JobHeldAdmin", "JobHoldMaxRequeue", "JobLaunchFailure"})
"""The codes of jobs that are held: they start once somebody releases them."""

WAITS_FOR_NODES: frozenset[str] = frozenset({"Priority", "Resources", "ReqNodeNotAvail"})
"""The codes of jobs that start once nodes are free; one that insists on certain nodes may wait longer than others."""
_MOST_NODES = 4

REASONS: dict[str, Reason] = {reason.code: reason for reason in _CODES}
"""Those that are known one by one; `reason_of` knows the limits of account and QOS as well."""

# Reasons that SLURM tells in words (slurmctld's job_mgr.c and node_scheduler.c), by a part that stays the same.
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
    "license": "licences",
    "bb": "burst buffers",
    "billing": "billing units",
    "energy": "energy",
    "unknown": "a resource",
    "wall": "time",
}
_OF = {"Assoc": "your account", "QOS": "its QOS", "": "its QOS"}


def reason_of(reason: str | None) -> Reason | None:
    """Return what a job's reason means; ``None`` where it has none, or one that isn't known here.

    Parameters
    ----------
    reason
        As ``squeue`` tells it (``%r``): a code, a code with details behind it (``ReqNodeNotAvail,
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
    """Return which nodes a job insists on, such as ``node n1 (--nodelist)``; ``None`` where it takes any."""
    parts = []
    if nodes:
        more = len(nodes) - _MOST_NODES
        names = ", ".join(nodes[:_MOST_NODES]) + (f" and {more} more" if more > 0 else "")
        parts.append(f"{'node' if len(nodes) == 1 else 'nodes'} {names} (--nodelist)")
    if features:
        parts.append(f"nodes with feature {features} (--constraint)")
    return " and ".join(parts) or None


def advice_for(reason: Reason, job_id: str, nodes: Sequence[str] | None, features: str | None) -> str:
    """Return what one can do about a job; ``""`` where there is nothing to be done but to wait.

    Parameters
    ----------
    reason
        Why it waits.
    job_id
        Its id, as SLURM shows it.
    nodes, features
        What it insists on; ``None`` where that is unknown.
    """
    if reason.code in WAITS_FOR_NODES and (nodes or features):
        cleared = [word for word, is_asked in (("ReqNodeList=", nodes), ("Features=", features)) if is_asked]
        return f"let it run on other nodes: scontrol update JobId={job_id} {' '.join(cleared)}"
    return reason.advice.replace("JOBID", job_id)


def _of_limit(code: str, limit: re.Match[str]) -> Reason:
    """Return what one of the limits of an account or a QOS means, by how its name is made up."""
    what, of = _WHAT[limit["what"].casefold()], _OF[limit["of"]]
    if limit["kind"] == "Min":
        return Reason(code, f"it asks for less than {of} wants: {what}", "ask for more, or another QOS", False)
    if limit["per"] in ("PerJob", "PerNode"):
        scope = "for one job" if limit["per"] == "PerJob" else "for one node"
        much = f"{what} × time" if limit["time"] else what
        return Reason(code, f"it asks for more than {of} allows {scope}: {much}", _SMALLER, False)
    if limit["run"]:  # what runs now, times what is left of its time: it shrinks by itself
        return Reason(code, f"running jobs hold all that {of} allows: {what} × time", "", True)
    if limit["time"] or limit["what"] == "Wall":
        # What was used counts less as it gets older, unless the site has switched that off.
        used = "time" if limit["what"] == "Wall" else f"{what} × time"
        return Reason(code, f"{of} has used up what it is allowed: {used}", _ADMIN, None)
    whose = {"PerUser": "your jobs use", "PerAccount": "your account's jobs use"}.get(limit["per"] or "", "jobs use")
    return Reason(code, f"{whose} as much as {of} allows: {what}", "it starts when others have ended", True)
