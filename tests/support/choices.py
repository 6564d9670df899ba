"""Schedulers for tests of the scheduler picker."""

from dasktop.collectors.model.feed import Candidate, Choice

HERE = Candidate(
    address="tcp://10.1.2.3:41525", origin="script of job 4709", scheduler_id="Scheduler-1", workers=24, jobs=6
)


OTHER = Candidate(address="tcp://10.1.2.4:8786", origin="process 812", scheduler_id="Scheduler-2", workers=1, jobs=0)


BOTH = Choice(candidates=(HERE, OTHER), watched="Scheduler-1")
