"""How long the tasks of one name take, and how much that varies, from sums that the scheduler keeps. Pure."""

from msgspec.structs import replace

from dasktop.collectors.model.record import Record

CHANGED_DEVIATIONS = 3.0
"""Durations have changed if the mean of later ones is so many standard errors from that of the earlier ones."""


class Durations(Record, frozen=True, kw_only=True):
    """The finished tasks of one name, and how much their durations vary.

    Only sums are known: between two polls, ``n`` tasks finish that took ``s`` seconds together. If the variance of one
    task is ``v``, then ``(s - n × mean)²`` is ``n × v`` on average, also if ``n`` is small because a task took long
    (Wald's second equation). So the sum of these ÷ the number of tasks estimates ``v``. The first poll has no mean to
    compare with, and may find thousands of tasks that finished before.
    """

    tasks: int = 0
    seconds: float = 0.0
    batches: int = 0
    """How many polls found finished tasks."""
    compared: int = 0
    """How many tasks the other polls but the first have found."""
    squares: float = 0.0
    """The sum of ``(s - n × mean)²`` of these polls, in s²."""

    @property
    def mean(self) -> float:
        """Seconds of one task; 0 if none has finished."""
        return self.seconds / self.tasks if self.tasks else 0.0

    def variance(self, longest: float) -> float:
        """Return the variance of one task, in s².

        Numbers from 0 to ``longest`` have a variance of at most ``mean × (longest - mean)`` (Bhatia and Davis). This
        counts as one more batch, so that few batches, which may be equal by chance, do not pretend certainty.
        """
        mean = self.seconds / self.tasks if self.tasks else 0.0
        largest = mean * (longest - mean) if longest > mean else 0.0
        return self.squares / (self.compared or 1) + largest / (self.batches or 1)

    def until(self, tasks: int, seconds: float, longest: float) -> "Durations":
        """Return the durations with new totals.

        As in Welford's algorithm, the product of the differences from the mean before and after approximates the square
        of that from the final mean. It is at most that of ``s ÷ longest`` tasks which all took the longest time.
        """
        count = tasks - self.tasks
        if count <= 0:
            return self
        if not self.tasks:
            return Durations(tasks=tasks, seconds=seconds, batches=1)
        took = max(0.0, seconds - self.seconds)
        after = seconds / tasks
        most = took * longest - 2 * after * took + count * after**2
        square = max(0.0, min((took - count * self.mean) * (took - count * after), most))
        return Durations(
            tasks=tasks,
            seconds=seconds,
            batches=self.batches + 1,
            compared=self.compared + count,
            squares=self.squares + square,
        )

    def with_unseen(self, longest: float) -> "Durations":
        """Return the durations with one more task that takes the longest time.

        Whatever the distribution, the next of ``n + 1`` tasks takes longer than all others in one of ``n + 1`` cases.
        Without this, the first tasks of a heavy-tailed distribution promise too early an end.
        """
        return replace(
            self,
            tasks=self.tasks + 1,
            seconds=self.seconds + longest,
            compared=self.compared + 1,
            squares=self.squares + max(0.0, longest - self.mean) ** 2,
        )

    def since(self, old: "Durations", longest: float) -> "Durations":
        """Return those after ``old`` if their mean has changed since, else all."""
        tasks, seconds = self.tasks - old.tasks, self.seconds - old.seconds
        if not old.tasks or not tasks:
            return self
        difference = seconds / tasks - old.mean
        error = self.variance(longest) * (1 / tasks + 1 / old.tasks)
        if difference**2 <= CHANGED_DEVIATIONS**2 * error:
            return self
        return Durations(
            tasks=tasks,
            seconds=seconds,
            batches=self.batches - old.batches,
            compared=self.compared - old.compared,
            squares=self.squares - old.squares,
        )


def mean_residual(durations: Durations, longest: float) -> float:
    """Return how long tasks that run will still run, on average, in seconds; as long as they have run.

    It is ``(mean² + variance) ÷ (2 × mean)``: more than half of the mean, since long tasks are more often among those
    that run (renewal theory).
    """
    mean = durations.mean
    return residual_of(mean, durations.variance(longest), longest) if mean else 0.0


def residual_of(mean: float, variance: float, longest: float) -> float:
    """Return `mean_residual` of durations with this mean, which is not 0, and variance."""
    return min(max(longest, mean), (mean * mean + variance) / (2 * mean))
