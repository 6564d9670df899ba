"""The README's table of findings lists every rule and nothing else."""

import re
from pathlib import Path

from dasktop.collectors.analysis.findings import RULES

README = Path(__file__).parents[3] / "README.md"


def test_every_rule_is_documented():
    section = README.read_text().partition("## Findings")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == {rule.code for rule in RULES}
