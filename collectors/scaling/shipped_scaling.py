"""Runs inside the user's scheduler, shipped there as source text: holds the lock of one dasktop, and acts for it.

Must run on Python 3.8 and distributed 2022.6 onwards. Acts only for who holds the lock; if that one goes away, the
workers that were stopped go back to work by themselves. Never raises into the scheduler's log.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from dasktop.collectors.scaling.shipped_owner import (
    Refused,
    adapt,
    grow,
    in_loop_of,
    job_of,
    own_names,
    stop_adapting,
)
from dasktop.collectors.scaling.shipped_results import alone, bound

# Stand before this text when it is shipped, see `hold.py`.
from dasktop.collectors.sources.dask.shipped_scheduler import OwnerFinder, talk, text

# Two dasktops may share a scheduler: where the form of a question or an answer changes, so must the number.
SCALE = "dasktop_v1_scale"
UNFINISHED = "dasktop_v1_unfinished"  # in the workers, see `shipped_unfinished.py`
TOPIC = "dasktop"
OPERATION = "errand"  # the key that version 0.1 uses: its dasktop may hold the lease that this code goes on with
AT_WORK = ("running", "paused")

LEASE_SECONDS = 30.0
WORKER_SECONDS = 2.0
BACK_TO_WORK_SECONDS = 5.0
COPYING_SECONDS = 0.5


def dasktop_install(dask_scheduler: Any) -> None:
    """Add the handler, or replace that of an earlier dasktop, whose hold stays. Its name appears in the log."""
    # In plain data, since another dasktop's code may have made it.
    held = getattr(dask_scheduler.handlers.get(SCALE), "held", {})
    desk = Desk(dask_scheduler, held)

    async def scale(comm: Any = None, verb: str = "", **arguments: Any) -> dict[str, Any]:  # noqa: ARG001 - as READING
        try:
            return await desk.answer(verb, **arguments)
        except Refused as refusal:
            return {"refused": text(str(refusal))}
        except Exception as error:  # noqa: BLE001 - what is raised here lands in the user's log
            return {"error": text(repr(error))}

    scale.held = held  # type: ignore[attr-defined] # a function may carry anything
    dask_scheduler.handlers[SCALE] = scale


class Desk:
    """Answers the holder's questions, one at a time; what takes long is an operation that is asked after."""

    def __init__(self, scheduler: Any, held: dict[str, Any]) -> None:
        self.scheduler = scheduler
        self.held = held
        self.finder = OwnerFinder(scheduler)

    async def answer(self, verb: str, token: str, **arguments: Any) -> dict[str, Any]:
        """Do what the verb says, if the token is the holder's."""
        if verb == "take":
            return self.take(token, **arguments)
        if self.held.get("token") != token:
            raise Refused("dasktop was away for too long: the lock was given up, and all workers went back to work")
        self.held["deadline"] = time.monotonic() + LEASE_SECONDS
        if verb in ("move", "leave", "grow", "adapt"):
            if self.operation_runs():
                raise Refused("something else is still being done")
            self.held[OPERATION] = task = asyncio.ensure_future(getattr(self, verb)(**arguments))
            self.held["may_break_off"] = verb == "move"
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody asks
            return {}
        if verb == "look":
            return await self.look()
        if verb == "stop":
            return await self.stop(token, **arguments)
        if verb == "unfinished":
            return await self.unfinished()
        if verb == "alone":
            return alone(self.scheduler, **arguments)
        if verb == "bound":
            return bound(self.scheduler, **arguments)
        if verb == "give_back":
            return await self.give_back()
        if verb == "end":
            return await self.end(**arguments)
        raise Refused("the scheduler doesn't know " + verb)

    # The lock

    def take(self, token: str, scheduler_id: str, who: str, what: str) -> dict[str, Any]:
        """Take the lock, or refuse and tell who has it."""
        if text(self.scheduler.id) != scheduler_id:
            raise Refused("another scheduler runs at this address now")
        if self.held.get("token") not in (None, token):
            seconds = time.monotonic() - self.held["since"]
            raise Refused(f"{self.held['who']} is scaling this cluster, since {seconds:.0f} s: {self.held['what']}")
        now = time.monotonic()
        self.held.update(token=token, who=who, what=what, since=now, deadline=now + LEASE_SECONDS)
        self.held.update({OPERATION: None}, stopped={}, may_break_off=True, leaving=False)
        self.held["watch"] = asyncio.ensure_future(self.watch(token))
        self.log(action="begun")
        return {}

    async def watch(self, token: str) -> None:
        """Give up the lock once its holder has gone away."""
        overdue = 0
        while self.held.get("token") == token:
            # Twice, since a loop that was blocked finds all late, also what waits to be read.
            overdue = overdue + 1 if time.monotonic() > self.held["deadline"] else 0
            if overdue > 1 and (self.held["may_break_off"] or not self.operation_runs()):
                await self.end(outcome="the one who scaled has gone away")
                return
            await asyncio.sleep(1)

    async def end(self, outcome: str) -> dict[str, Any]:
        """Give up the lock, after giving back what was stopped."""
        if not self.held["leaving"]:
            await self.give_back()
        self.log(action="ended", outcome=outcome)
        self.held.clear()
        return {}

    def log(self, **event: Any) -> None:
        """Add to the scheduler's events, under the topic `dasktop`."""
        self.scheduler.log_event(TOPIC, {**event, "who": self.held["who"], "what": self.held["what"]})

    def operation_runs(self) -> bool:
        """Return whether something is under way."""
        return self.held[OPERATION] is not None and not self.held[OPERATION].done()

    async def look(self) -> dict[str, Any]:
        """Return how the operation stands: what it brought, or that it still runs."""
        operation = self.held[OPERATION]
        if operation is None:
            raise Refused("nothing is being done")
        await asyncio.wait([operation], timeout=0.1)
        return {"done": operation.result()} if operation.done() else {"running": True}

    # Giving jobs back

    async def stop(self, token: str, addresses: Any, function: bytes) -> dict[str, Any]:
        """Let these workers start no more tasks. What runs there goes on; what they hold can be fetched."""
        for address in addresses:
            worker = self.scheduler.workers.get(address)
            if worker is None:
                raise Refused(f"the worker at {address} has gone")
            if worker.status.name not in AT_WORK:
                status = worker.status.name.replace("closing_gracefully", "retiring")
                raise Refused(f"the worker at {address} is {status} already")
        self.held["function"] = function
        await asyncio.gather(*[self.teach(address) for address in addresses])
        if self.held.get("token") != token:
            raise Refused("it was called off meanwhile")
        for address in addresses:
            worker = self.scheduler.workers.get(address)
            if worker is not None:
                self.held["stopped"][address] = worker.status.name
                # At once, as `retire_workers` does, lest the scheduler send it more.
                self.scheduler.handle_worker_status_change("closing_gracefully", address, stimulus("stop"))
                self.tell_status(address, "closing_gracefully")
        return {}

    def tell_status(self, address: str, status: str) -> None:
        """Tell a worker its status; it confirms to the scheduler."""
        message = {"op": "worker-status-change", "status": status, "stimulus_id": stimulus(status)}
        self.scheduler.stream_comms[address].send(message)

    async def unfinished(self) -> dict[str, Any]:
        """Return how much each of the stopped workers still runs. Those that have gone are left out."""
        addresses = [address for address in self.held["stopped"] if address in self.scheduler.workers]
        told = await asyncio.gather(*[self.unfinished_on(address) for address in addresses])
        return dict(zip(addresses, told))  # noqa: B905 - `strict` is unknown to Python 3.8

    async def teach(self, address: str) -> None:
        """Have a worker learn how to tell what it runs."""
        await self.ask(address, {"op": "run", "function": self.held["function"]})

    async def unfinished_on(self, address: str) -> list[Any]:
        """Return how many tasks one of them runs, and the names of some; None: it doesn't tell."""
        answer = await self.ask(address, {"op": UNFINISHED})
        if answer is None:
            await self.teach(address)  # perhaps it was too busy when it was told how
            return [None, []]
        if answer.get("status") != "closing_gracefully":  # it hasn't heard yet
            return [None, []]
        if answer["executing"]:
            return [answer["executing"], answer["some"]]
        # What has ended there may be on its way to the scheduler still; removed now, it would be started again.
        worker = self.scheduler.workers.get(address)
        keys = [task.key for task in worker.processing] if worker else []
        answer = await self.ask(address, {"op": UNFINISHED, "keys": keys}) if keys else answer
        return [None, []] if answer is None else [answer["executing"] + answer["settling"], answer["some"]]

    async def ask(self, address: str, message: dict[str, Any]) -> Any:
        """Return what a worker answers, or None."""
        try:
            answer = await asyncio.wait_for(talk(self.scheduler, address, [message]), WORKER_SECONDS)
        except Exception:  # noqa: BLE001 - it is busy, or gone, or says anything; the next question tells
            return None
        return answer if isinstance(answer, dict) and "error" not in answer else None

    async def move(self, addresses: Any) -> dict[str, Any]:
        """Copy to the other workers what these alone hold."""
        while True:
            present = [address for address in addresses if address in self.scheduler.workers]
            moved = await self.scheduler.retire_workers(workers=present, close_workers=False, remove=False)
            # To dask what two workers hold is safe, even if both are to go: it ends before that is copied.
            if len(moved) < len(present) or not alone(self.scheduler, present)["results"]:
                return {}
            await asyncio.sleep(COPYING_SECONDS)
            self.forget_retiring(present)

    async def leave(self, addresses: Any, jobs: dict[str, str]) -> dict[str, Any]:
        """Take these workers out of dask, and give these jobs of the owner's (name to id) back.

        This can't be undone; so all is looked at once more, without anything happening in between.
        """
        owner, names = self.find_jobs(jobs)
        expected = set(addresses)
        for worker in self.scheduler.workers.values():
            if worker.address not in expected and owner and job_of(owner, worker.name) in names:
                raise Refused(f"worker {text(worker.name)} has joined meanwhile")
        left = alone(self.scheduler, addresses)
        if left["results"] or left["actors"] or left["shuffles"] or bound(self.scheduler, addresses)["tasks"]:
            raise Refused("more has come to its workers meanwhile that would be lost")
        present = [address for address in addresses if address in self.scheduler.workers]
        for address in present:
            if self.scheduler.workers[address].status.name in AT_WORK:
                raise Refused(f"the worker at {address} was started anew meanwhile")
        self.held["leaving"] = True
        if present:
            # Tasks that wait there move on, without counting as killed.
            await self.scheduler.retire_workers(workers=present, close_workers=False, remove=True)
        if any(address in self.scheduler.workers for address in present):
            self.held["leaving"] = False
            raise Refused("some workers could not be taken out of dask, and go back to work; the others have left")
        if names:
            await in_loop_of(owner, lambda: owner.scale_down(names))
        return {}

    async def give_back(self) -> dict[str, Any]:
        """Let the stopped workers work again, and wait a moment until they say so."""
        if self.held["leaving"]:
            raise Refused("too late: the jobs are being given back")
        stopped, self.held["stopped"] = self.held["stopped"], {}
        if self.operation_runs() and self.held["may_break_off"]:
            self.held[OPERATION].cancel()
            await asyncio.wait([self.held[OPERATION]])
        self.forget_retiring(stopped)
        for address, status in stopped.items():
            if address in self.scheduler.stream_comms:
                self.tell_status(address, status)
        deadline = time.monotonic() + BACK_TO_WORK_SECONDS
        while time.monotonic() < deadline and self.any_still_stopped(stopped):  # noqa: ASYNC110 - dask tells nobody
            await asyncio.sleep(0.02)
        return {}

    def forget_retiring(self, addresses: Any) -> None:
        """Drop what a `retire_workers` that was cancelled or is over left behind: it goes on taking results away."""
        memory_manager = self.scheduler.extensions.get("amm")
        for policy in list(getattr(memory_manager, "policies", ())):
            if type(policy).__name__ == "RetireWorker" and policy.address in addresses:
                memory_manager.policies.discard(policy)

    def any_still_stopped(self, addresses: Any) -> bool:
        """Return whether one of these workers has not yet said that it works again."""
        present = [self.scheduler.workers[address] for address in addresses if address in self.scheduler.workers]
        return any(worker.status.name == "closing_gracefully" for worker in present)

    # Through the owner

    def owner(self) -> Any:
        """Return the owner, a cluster of dask-jobqueue's kind."""
        owner = self.finder.find()
        if owner is None:
            raise Refused("the cluster object has gone from the scheduler's process")
        if not hasattr(owner, "job_cls"):
            raise Refused(f"a {type(owner).__name__} has no jobs")
        return owner

    def find_jobs(self, jobs: dict[str, str]) -> tuple[Any, list[Any]]:
        """Return the owner and its own names of these jobs (name to id); without jobs, no owner is needed."""
        if not jobs:
            return None, []
        owner = self.owner()
        return owner, own_names(owner, jobs)

    async def grow(self, jobs: int, lost: dict[str, str]) -> dict[str, Any]:
        """Submit so many more jobs, after forgetting these lost ones (name to id); see `shipped_owner.grow`."""
        owner = self.owner()
        dead = own_names(owner, lost)
        workers = list(self.scheduler.workers.values())
        for worker in workers:
            if dead and job_of(owner, worker.name) in dead:
                raise Refused(f"worker {text(worker.name)} of a lost job is still there")
        taken = {text(worker.name) for worker in workers}
        told: dict[str, Any] = await in_loop_of(owner, lambda: grow(owner, jobs, dead, taken))
        return told

    async def adapt(self, minimum: Any, maximum: Any) -> dict[str, Any]:
        """Let the owner scale by itself between these bounds, in jobs; both None: not any more."""
        owner = self.owner()
        if minimum is None and maximum is None:
            await in_loop_of(owner, lambda: stop_adapting(owner))
            return {"grouped": False}
        return {"grouped": await in_loop_of(owner, lambda: adapt(owner, minimum or 0, maximum))}


def stimulus(what: str) -> str:
    """Return a mark for the scheduler's log of transitions."""
    return f"dasktop-{what}-{time.time()}"
