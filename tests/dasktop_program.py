"""The program as a user starts it, and one that finds only some of the schedulers on this host."""

import sys

DASKTOP = (sys.executable, "-m", "dasktop.tui")

# Whoever runs these tests may have other schedulers on this host; here only the scene's and the tests' own are meant.
SEES_ONLY = """
import sys
from dasktop.collectors import discover
from dasktop.tui.cli import main
pids, all_leads = sys.argv.pop(1).split(","), discover.leads_from_processes
discover.leads_from_processes = lambda protocol: (
    lead for lead in all_leads(protocol) if lead.origin.removeprefix("process ") in pids
)
main()
"""


def dasktop_that_sees(*pids: int) -> tuple[str, ...]:
    return (sys.executable, "-c", SEES_ONLY, ",".join(map(str, pids)))
