"""``--fail-on``: an exit status that tells scripts and cron whether something is wrong. Headless."""

from typing import get_args

import click

from dasktop.collectors.model.snapshot import SEVERITIES, Severity, Snapshot
from dasktop.tui.cli.options import Refusal

FINDINGS = 4

fail_on_option = click.option(
    "--fail-on",
    type=click.Choice([severity for severity in get_args(Severity) if severity != "info"]),
    help="End with status 4 if there is a finding of this severity, or a worse one.",
)


def check(snapshot: Snapshot, fail_on: Severity | None) -> None:
    """Look for findings that are bad enough; the first of them goes to stderr.

    Raises
    ------
    Refusal
        There are some.
    """
    if fail_on is None:
        return
    bad_enough = SEVERITIES[SEVERITIES.index(fail_on) :]
    found = [finding for finding in snapshot.findings if finding.severity in bad_enough]
    if found:
        more = f" (and {len(found) - 1:,} more)" if len(found) > 1 else ""
        raise Refusal(f"{found[0].severity}: {found[0].message}{more}", FINDINGS)
