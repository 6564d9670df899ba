"""A plan in plain words and lines, for the terminal and for people to say yes to. Headless; carries nothing out."""

from collections.abc import Collection, Sequence

from dasktop.collectors.model.plan import JobToRelease, LostJob, ScalePlan, Size
from dasktop.collectors.model.snapshot import Adaptive
from dasktop.collectors.text.format import counted, memory_words, plain_duration, plain_size

UNKNOWN = "–"


def plan_lines(plan: ScalePlan) -> list[str]:
    """Return all that is to know before a plan is carried out, as lines without their ends.

    What to beware of comes last: there a terminal asks.
    """
    return [*deed_lines(plan), *below(job_lines(plan)), *below(warning_lines(plan))]


def deed_lines(plan: ScalePlan) -> list[str]:
    """Say what would be done, and how large the cluster is now and would be then; first, if it can't be, why."""
    refusal = [f"! can't be done: {plan.refusal}"] if plan.refusal else []
    reckoning = [plan.reckoning] if plan.reckoning else []
    return [*refusal, f"{plan.target}: {_deeds(plan)}", *reckoning, *_sizes(plan.before, plan.after)]


def job_lines(plan: ScalePlan) -> list[str]:
    """Say which jobs go and why these, or which lost ones are replaced: a plan never does both."""
    if plan.release:
        heads = ("gives back", "", "why", "runs", "stores", "left")
        return _columns([heads, *map(_victim, plan.release)], numbers=(3, 4))
    return _columns([("replaces", "", ""), *map(_lost, plan.replace)]) if plan.replace else []


def warning_lines(plan: ScalePlan) -> list[str]:
    """Say what to beware of, behind ``!``."""
    return [f"! {warning}" for warning in plan.warnings]


def below(lines: Sequence[str]) -> list[str]:
    """Return lines to be put below others, if there are any."""
    return ["", *lines] if lines else []


def interrupted_words(step: str | None) -> str:
    """Say how things are after a plan was interrupted.

    Parameters
    ----------
    step
        That of the last `Progress`; ``None``: there was none yet.
    """
    match step:
        case None:
            return "interrupted before anything was done"
        case "hand back" | "seen gone":
            return "interrupted, but the jobs had been let go already: that was finished"
        case "submit":
            return "interrupted while submitting: look at which jobs there are"
        case _:
            return "interrupted: what had been stopped goes back to work, and no job was given back"


def bounds_words(bounds: Adaptive, noun: str) -> str:
    """Return ``2 to 8 jobs``, or ``2 jobs or more``."""
    if bounds.maximum is None:
        return f"{counted(bounds.minimum, noun)} or more"
    return f"{bounds.minimum:,} to {counted(bounds.maximum, noun)}"


def _deeds(plan: ScalePlan) -> str:
    if plan.changes_nothing:
        return "nothing to do"
    deeds = []
    if plan.submit:
        deeds.append(f"submit {counted(plan.submit, 'job')}{_replacing(plan)}{_through(plan)}")
    if plan.release:
        given_back = plan.before.jobs - plan.after.jobs + plan.submit
        deeds.append(f"give back {counted(given_back, 'job')}")
    if plan.adapt is not None:
        deeds.append("turn adaptive scaling on")
        if (going := plan.before.jobs - plan.after.jobs) > 0:
            deeds.append(f"which gives back {counted(going, 'job')} at once")
        elif going < 0:
            deeds.append(f"which submits {counted(-going, 'job')} at once")
    if plan.stop_adapting:
        deeds.append("turn adaptive scaling off")
    return ", ".join(deeds)


def _replacing(plan: ScalePlan) -> str:
    if not plan.replace:
        return ""
    if len(plan.replace) == plan.submit:
        return " for the lost one" if plan.submit == 1 else " for the lost ones"
    return ", 1 of them for a lost one" if len(plan.replace) == 1 else f", {len(plan.replace):,} of them for lost ones"


def _through(plan: ScalePlan) -> str:
    return "" if plan.through_owner else " like those that are there"


def _sizes(before: Size, after: Size) -> list[str]:
    """Return the table of what there is now and then; one column of it where nothing changes."""
    now, then = _cells(before), _cells(after)
    now["memory"], then["memory"] = _memories(before, after)
    changes = before != after
    rows = [("", "now", "then"), *((name, now[name], then[name]) for name in now)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        f"  {name:{widths[0]}}  {was:>{widths[1]}}" + (f"  {will_be:>{widths[2]}}" if changes else "")
        for name, was, will_be in rows
    ]


def _cells(size: Size) -> dict[str, str]:
    numbers = {"jobs": size.jobs, "workers": size.workers, "threads": size.threads, "cores": size.cores}
    return {name: _number(number) for name, number in numbers.items()}


def _memories(*sizes: Size) -> list[str]:
    """Return amounts to be compared: all decimal if they are round in that, else all binary."""
    amounts = [size.memory_bytes for size in sizes]
    exact = [UNKNOWN if amount is None else memory_words(amount) for amount in amounts]
    if not any(words.endswith("iB") for words in exact):
        return exact
    return [UNKNOWN if amount is None else plain_size(amount) for amount in amounts]


def _victim(victim: JobToRelease) -> tuple[str, ...]:
    """Return one line of the table of jobs to give back; what a job without workers runs and stores is not a figure."""
    work = (_number(victim.executing), _number(victim.stored)) if victim.workers else ("", "")
    left = "" if victim.time_left_seconds is None else plain_duration(victim.time_left_seconds)
    return f"  {victim.array_task or victim.job_id}", victim.name or "", victim.why, *work, left


def _number(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def _lost(lost: LostJob) -> tuple[str, ...]:
    return f"  {lost.job_id}", lost.name, lost.fate or ""


def _columns(rows: Sequence[tuple[str, ...]], numbers: Collection[int] = ()) -> list[str]:
    """Return rows, the first of heads, as lines; columns of numbers stand to the right, empty ones are left out."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shown = [number for number, (_, *cells) in enumerate(zip(*rows, strict=True)) if any(cells)]
    return [
        "  ".join(
            row[column].rjust(widths[column]) if column in numbers else row[column].ljust(widths[column])
            for column in shown
        ).rstrip()
        for row in rows
    ]
