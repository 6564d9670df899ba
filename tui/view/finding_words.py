"""A finding as text: on one line, or as a paragraph for the findings page and the details. Pure."""

from datetime import datetime

from dasktop.collectors.model.snapshot import Finding, Severity
from dasktop.tui.draw.piece import Role
from dasktop.tui.draw.prose import Entry, Words
from dasktop.tui.draw.times import moment

ROLES: dict[Severity, Role] = {"error": "bad", "warning": "waiting", "info": "quiet"}
MARKS: dict[Severity, str] = {"error": "!", "warning": "!", "info": "·"}


def words(finding: Finding) -> str:
    """Return a finding and its advice on one line."""
    advice = f": {finding.advice}" if finding.advice else ""
    return f"{MARKS[finding.severity]} {finding.message}{advice}"


def finding_entries(finding: Finding, now: datetime) -> list[Entry]:
    """Return the message, the advice, the code and since when the finding holds."""
    entries: list[Entry] = [Words(f"{MARKS[finding.severity]} {finding.message}", ROLES[finding.severity])]
    if finding.advice:
        entries.append(Words(finding.advice, indent=2))
    since = f", since {moment(finding.since, now)}" if finding.since is not None else ""
    return [*entries, Words(f"{finding.severity}: {finding.code}{since}", "quiet", 2)]
