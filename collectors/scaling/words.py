"""Format a scaling plan as lines of text, for the terminal and the confirmation dialog. Executes nothing."""

from collections.abc import Collection, Sequence

from dasktop.collectors.model.plan import JobToRelease, LostJob, ScalePlan, Size
from dasktop.collectors.model.snapshot import Adaptive
from dasktop.collectors.text.format import counted, plain_duration, plain_size, requested_size

UNKNOWN = "–"


def plan_lines(plan: ScalePlan) -> list[str]:
    """Return the whole plan as lines without newlines.

    The warnings come last, next to the terminal's confirmation prompt.
    """
    return [*summary_lines(plan), *below(job_lines(plan)), *below(warning_lines(plan))]


def summary_lines(plan: ScalePlan) -> list[str]:
    """Return why the plan is refused, if it is; then what it does, and the cluster size before and after."""
    refusal = [f"! cannot be done: {plan.refusal}"] if plan.refusal else []
    reckoning = [plan.reckoning] if plan.reckoning else []
    return [*refusal, f"{plan.target}: {_operations(plan)}", *reckoning, *_sizes(plan.before, plan.after)]


def job_lines(plan: ScalePlan) -> list[str]:
    """Return the table of jobs to release and why, or of lost jobs to replace: a plan never does both."""
    if plan.release:
        heads = ("release", "", "why", "runs", "stores", "left")
        return _columns([heads, *map(_release_row, plan.release)], numbers=(3, 4))
    return _columns([("replace", "", ""), *map(_lost_row, plan.replace)]) if plan.replace else []


def warning_lines(plan: ScalePlan) -> list[str]:
    """Return the warnings, each prefixed with ``!``."""
    return [f"! {warning}" for warning in plan.warnings]


def below(lines: Sequence[str]) -> list[str]:
    """Return the lines after an empty line; nothing if there are none."""
    return ["", *lines] if lines else []


def interrupted_words(step: str | None) -> str:
    """Return what was done before an execution was interrupted.

    Parameters
    ----------
    step
        The step of the last `Progress`; ``None``: none was reported.
    """
    match step:
        case None:
            return "interrupted before any change was made"
        case "release" | "wait for SLURM":
            return "interrupted after the release had begun: the jobs were released"
        case "submit":
            return "interrupted while submitting: check with squeue which jobs were submitted"
        case _:
            return "interrupted: stopped workers resume, and no job was released"


def bounds_words(bounds: Adaptive, noun: str) -> str:
    """Return ``2 to 8 jobs``, or ``2 jobs or more``."""
    if bounds.maximum is None:
        return f"{counted(bounds.minimum, noun)} or more"
    return f"{bounds.minimum:,} to {counted(bounds.maximum, noun)}"


def _operations(plan: ScalePlan) -> str:
    if plan.changes_nothing:
        return "nothing to do"
    operations = []
    if plan.submit:
        operations.append(f"submit {counted(plan.submit, 'job')}{_replacing(plan)}{_through(plan)}")
    if plan.release:
        released = plan.before.jobs - plan.after.jobs + plan.submit
        operations.append(f"release {counted(released, 'job')}")
    if plan.adapt is not None:
        operations.append("turn adaptive scaling on")
        if (fewer := plan.before.jobs - plan.after.jobs) > 0:
            operations.append(f"which releases {counted(fewer, 'job')} immediately")
        elif fewer < 0:
            operations.append(f"which submits {counted(-fewer, 'job')} immediately")
    if plan.stop_adapting:
        operations.append("turn adaptive scaling off")
    return ", ".join(operations)


def _replacing(plan: ScalePlan) -> str:
    if not plan.replace:
        return ""
    if len(plan.replace) == plan.submit:
        return " to replace the lost one" if plan.submit == 1 else " to replace the lost ones"
    return (
        ", 1 of them to replace a lost one"
        if len(plan.replace) == 1
        else f", {len(plan.replace):,} of them to replace lost ones"
    )


def _through(plan: ScalePlan) -> str:
    return "" if plan.through_owner else " with the script of an existing job"


def _sizes(before: Size, after: Size) -> list[str]:
    """Return the table of sizes before and after; one column if nothing changes."""
    now, then = _cells(before), _cells(after)
    now["memory"], then["memory"] = _memories(before, after)
    changes = before != after
    rows = [("", "now", "after"), *((name, now[name], then[name]) for name in now)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        f"  {name:{widths[0]}}  {was:>{widths[1]}}" + (f"  {will_be:>{widths[2]}}" if changes else "")
        for name, was, will_be in rows
    ]


def _cells(size: Size) -> dict[str, str]:
    numbers = {"jobs": size.jobs, "workers": size.workers, "threads": size.threads, "cores": size.cores}
    return {name: _number(number) for name, number in numbers.items()}


def _memories(*sizes: Size) -> list[str]:
    """Return amounts in the same kind of unit: decimal if all are round in decimal units, else binary."""
    amounts = [size.memory_bytes for size in sizes]
    exact = [UNKNOWN if amount is None else requested_size(amount) for amount in amounts]
    if not any(words.endswith("iB") for words in exact):
        return exact
    return [UNKNOWN if amount is None else plain_size(amount) for amount in amounts]


def _release_row(job: JobToRelease) -> tuple[str, ...]:
    """Return one row of the table of jobs to release; "runs" and "stores" are empty for a job without workers."""
    work = (_number(job.executing), _number(job.stored)) if job.workers else ("", "")
    left = "" if job.time_left_seconds is None else plain_duration(job.time_left_seconds)
    return f"  {job.array_task or job.job_id}", job.name or "", job.why, *work, left


def _number(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def _lost_row(lost: LostJob) -> tuple[str, ...]:
    return f"  {lost.job_id}", lost.name, lost.fate or ""


def _columns(rows: Sequence[tuple[str, ...]], numbers: Collection[int] = ()) -> list[str]:
    """Return rows, the first of them the heads, as lines; numbers are right-aligned, empty columns are left out."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shown = [number for number, (_, *cells) in enumerate(zip(*rows, strict=True)) if any(cells)]
    return [
        "  ".join(
            row[column].rjust(widths[column]) if column in numbers else row[column].ljust(widths[column])
            for column in shown
        ).rstrip()
        for row in rows
    ]
