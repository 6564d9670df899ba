"""Times and ages for people, in the local time zone. Depends on nothing else.

In coarse steps: texts change at most once a minute, except for ages below a minute.
"""

from datetime import datetime, timedelta

from dasktop.collectors.text.format import whole_minutes
from dasktop.tui.draw.numbers import UNKNOWN


def local(moment: datetime) -> datetime:
    """Return a time in the local time zone; unchanged if out of range, as in an edited file."""
    try:
        return moment.astimezone()
    except OverflowError:
        return moment


def zone(now: datetime) -> str:
    """Return the name of the local time zone: ``CET``."""
    return local(now).tzname() or "local time"


def moment(at: datetime | None, now: datetime) -> str:
    """Return ``14:05 today``, ``23:10 on Fri 21 Nov``; with the year if it is not the current one."""
    if at is None:
        return UNKNOWN
    then, today = local(at), local(now)
    days = (then.date() - today.date()).days
    day = {0: "today", 1: "tomorrow", -1: "yesterday"}.get(days)
    year = "" if then.year == today.year else f" {then.year}"
    return f"{then:%H:%M} {day or f'on {then:%a} {then.day} {then:%b}{year}'}"


def ago(seconds: float | None) -> str:
    """Return an age, rounded up to the next step below a minute: ``less than 5 s ago``."""
    if seconds is None:
        return UNKNOWN
    for step in (5, 10, 20, 30, 60):
        if seconds < step:
            return f"less than {step} s ago"
    return f"{whole_minutes(seconds)} ago"


def clock(moment: datetime, now: datetime) -> str:
    """Return a future time in local time; from tomorrow on with the day."""
    then, today = local(moment), local(now).date()
    if then.date() == today:
        return f"{then:%H:%M}"
    return f"{then:%a %H:%M}" if then.date() - today < timedelta(days=7) else f"{then:%Y-%m-%d}"
