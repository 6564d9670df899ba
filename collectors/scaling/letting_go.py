"""Which jobs a cluster object has let go of between two looks at it. Pure."""

from dasktop.collectors.model.readings import DaskReading, Released


def let_go(earlier: DaskReading, later: DaskReading) -> dict[str, Released]:
    """Return by job id what the owner counted before and doesn't want any more.

    A job that somebody else ended is still wanted: its owner submits another one under its name, or counts it as lost.
    """
    before, now = earlier.cluster.owner, later.cluster.owner
    if before is None or now is None or now.wanted is None:
        return {}
    counted = set(now.job_ids.values())
    gone = [job_id for name, job_id in before.job_ids.items() if name not in now.wanted and job_id not in counted]
    is_adaptive = before.adaptive is not None or now.adaptive is not None
    released = Released(
        by="cluster object", detail="adaptive scaling" if is_adaptive else "", not_before=earlier.taken_at
    )
    return dict.fromkeys(gone, released)
