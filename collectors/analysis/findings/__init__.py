"""Snapshot → findings: each problem or inefficiency as one sentence, with advice. Pure: no I/O, no clock.

Each module imported below contains one family of rules, registered by the decorator `rule.rule`. Import a new family
here.
"""

from dasktop.collectors.analysis.findings import (
    allocation,
    cluster,
    ended,
    memory_kills,
    missing_workers,
    pending,
    resources,
    slow_tasks,
    spilling,
    tasks,
    waste,
    worker_deaths,
    workers,
)
from dasktop.collectors.analysis.findings.evaluate import find
from dasktop.collectors.analysis.findings.history import FindingHistory
from dasktop.collectors.analysis.findings.rule import PendingFinding, Rule, RuleContext, registered_rules
from dasktop.collectors.model.thresholds import Thresholds

FAMILIES = (
    allocation,
    cluster,
    ended,
    memory_kills,
    missing_workers,
    pending,
    resources,
    slow_tasks,
    spilling,
    tasks,
    waste,
    worker_deaths,
    workers,
)
RULES: tuple[Rule, ...] = registered_rules()

__all__ = ["FAMILIES", "RULES", "FindingHistory", "PendingFinding", "Rule", "RuleContext", "Thresholds", "find"]
