"""A scaling plan for tests."""

from dasktop.collectors.model.plan import ScalePlan
from dasktop.collectors.scaling.state import NOTHING

PLAN = ScalePlan(
    scheduler_id="a",
    target="3 jobs",
    reckoning=None,
    through_owner=True,
    submit=1,
    release=(),
    replace=(),
    adapt=None,
    stop_adapting=False,
    before=NOTHING,
    after=NOTHING,
    warnings=(),
)
