"""scancel: cancel jobs and steps, or send them a signal. Selects them; `Workload` and `Runner` do the rest."""

import signal

from dasktop.collectors.embedded_slurm.commands.call import VERSION_REPLY, Call, Reply, matches, users
from dasktop.collectors.embedded_slurm.options import ParsedOptions, Refused, table
from dasktop.collectors.embedded_slurm.records import Job, State
from dasktop.collectors.embedded_slurm.selection import Selector, parse_list, parse_states, shown_states
from dasktop.collectors.embedded_slurm.units import UnreadableError

_OPTIONS = table("""
    -A --account=NAME
    -Q --quiet
    -V --version
    -b --batch
    -f --full
       --me
    -n --name=NAME
    -p --partition=NAME
    -q --qos=NAME
    -s --signal=NAME
    -t --state=STATE
    -u --user=NAME
    -v --verbose
""")
_FILTERS = ("account", "me", "name", "partition", "qos", "state", "user")


def scancel(call: Call) -> Reply:
    """Answer one scancel. An unknown or ended id is not an error (as in 22.05)."""
    given = call.read(_OPTIONS)
    if "version" in given:
        return VERSION_REPLY
    selectors = [selector for text in given.rest for selector in _selectors(text)]
    if not selectors and not any(name in given for name in _FILTERS):
        raise Refused("No job identification provided")
    number = _signal(given.get("signal"))
    passes = [job for job in call.workload.visible(call.now) if _passes(call, given, job)]
    if not selectors:
        for job in passes:
            _act(call, job, None, number)
    for selector in selectors:
        for job in passes:
            if selector.covers(job):
                _act(call, job, selector, number)
    return Reply()


def _selectors(text: str) -> list[Selector]:
    try:
        return parse_list(text)
    except UnreadableError:
        raise Refused(f"Invalid job id {text}") from None


def _signal(name: str | None) -> int | None:
    if name is None:
        return None
    try:
        return int(name) if name.isdigit() else signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"].value
    except KeyError:
        raise Refused(f"Unknown job signal: {name}") from None


def _passes(call: Call, given: ParsedOptions, job: Job) -> bool:
    wanted_users = users([call.user] if "me" in given else given.list_of("user") or [])
    try:
        states = parse_states(given.list_of("state") or ["all"])
    except UnreadableError as error:
        raise Refused(f"Invalid job state specified: {error}") from None
    request = job.request
    return bool(
        (not wanted_users or request.uid in wanted_users)
        and shown_states(job) & states
        and matches(request.account, given.list_of("account"))
        and matches(request.name, given.list_of("name"))
        and matches(request.partition, given.list_of("partition"))
        and matches(request.qos, given.list_of("qos"))
    )


def _act(call: Call, job: Job, selector: Selector | None, number: int | None) -> None:
    workload = call.workload
    step = job.step(selector.step) if selector is not None and selector.step is not None else None
    if selector is not None and selector.step is not None:
        if step is not None and step.ended_at is None:
            workload.runner.send(job, (number or signal.SIGTERM,), step)
    elif number is not None and number != signal.SIGKILL:
        if job.state is State.RUNNING:
            workload.runner.send(job, (number,))
    elif job.array_rest and selector is not None and selector.tasks is not None:
        workload.cancel_array_tasks(job, selector.tasks, call.uid, call.now)
    else:
        workload.cancel(job, call.uid, call.now)
