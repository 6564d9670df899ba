"""A plan in plain words and lines, for the terminal and for people to say yes to. Headless; carries nothing out."""

from collections.abc import Iterable, Sequence

from dasktop.collectors.model import Adaptive
from dasktop.collectors.scaling.model import Lost, ScalePlan, Size, Victim
from dasktop.collectors.slurm.values import plain_duration, plain_size

UNKNOWN = "–"

_DECIMAL = (("TB", 1000**4), ("GB", 1000**3), ("MB", 1000**2), ("kB", 1000))


def plan_lines(plan: ScalePlan) -> list[str]:
    """Return all that is to know before a plan is carried out, as lines without their ends.

    What would be done, how large the cluster is now and would be then, who goes and why, and behind ``!`` what to
    beware of.
    """
    lines = [f"{plan.target}: {_deeds(plan)}"]
    if plan.reckoning:
        lines.append(plan.reckoning)
    lines += _sizes(plan.before, plan.after)
    if plan.release:
        lines += ["", "gives back", *_columns(_victim(victim) for victim in plan.release)]
    if plan.replace:
        lines += ["", "replaces", *_columns(_lost(lost) for lost in plan.replace)]
    if plan.warnings:
        lines += ["", *(f"! {warning}" for warning in plan.warnings)]
    return lines


def counted(number: int, noun: str) -> str:
    """Return ``1 job``, ``1,200 jobs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def memory_words(amount_bytes: int) -> str:
    """Say an amount of memory exactly, in the unit in which it was probably given: ``200 GB``, ``16 GiB``.

    What is round in neither decimal nor binary units is rounded, in binary ones.
    """
    for unit, size in _DECIMAL:
        if amount_bytes >= size and amount_bytes * 10 % size == 0:
            return f"{amount_bytes / size:,.1f}".removesuffix(".0") + f" {unit}"
    return plain_size(amount_bytes)


def bounds_words(bounds: Adaptive, noun: str) -> str:
    """Return ``2 to 8 jobs``, or ``2 jobs or more``."""
    if bounds.maximum is None:
        return f"{counted(bounds.minimum, noun)} or more"
    return f"{bounds.minimum:,} to {counted(bounds.maximum, noun)}"


def listed(words: Sequence[str], most: int = 3) -> str:
    """Return ``4709, 4710, 4711 and 2 more``."""
    shown = ", ".join(words[:most])
    return f"{shown} and {len(words) - most:,} more" if len(words) > most else shown


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
        deeds.append("the owner scales by itself")
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
    changes = before != after
    rows = [("", "now", "then"), *((name, now[name], then[name]) for name in now)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        f"  {name:{widths[0]}}  {was:>{widths[1]}}" + (f"  {will_be:>{widths[2]}}" if changes else "")
        for name, was, will_be in rows
    ]


def _cells(size: Size) -> dict[str, str]:
    numbers = {"jobs": size.jobs, "workers": size.workers, "threads": size.threads, "cores": size.cores}
    cells = {name: UNKNOWN if number is None else f"{number:,}" for name, number in numbers.items()}
    return cells | {"memory": UNKNOWN if size.memory_bytes is None else memory_words(size.memory_bytes)}


def _victim(victim: Victim) -> tuple[str, ...]:
    held = []
    if victim.why == "chosen":
        held.append((victim.state or "").lower() or "in an unknown state")
    if victim.workers:
        held.append(counted(len(victim.workers), "worker"))
    if victim.executing:
        held.append(f"runs {counted(victim.executing, 'task')}")
    if victim.stored:
        held.append(f"stores {counted(victim.stored, 'result')}")
    if victim.time_left_seconds is not None:
        held.append(f"{plain_duration(victim.time_left_seconds)} left")
    return victim.array_task or victim.job_id, victim.name or "", victim.why, ", ".join(held)


def _lost(lost: Lost) -> tuple[str, ...]:
    return lost.job_id, lost.name, lost.fate or ""


def _columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    shown = [column for column, width in enumerate(widths) if width]
    return ["  " + "  ".join(f"{row[column]:{widths[column]}}" for column in shown).rstrip() for row in table]
