"""Runs inside the user's scheduler, shipped there as source text: keeps the lock, and handles its holder's requests.

Must run on Python 3.8 and distributed 2022.6 onwards. Acts only for the holder of the lock; if that disappears,
stopped workers resume. Raises no exception that the scheduler would log.
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
from dasktop.collectors.scaling.shipped_results import pinned_tasks, unreplicated_results
from dasktop.collectors.sources.dask.shipped_owner_finder import OwnerFinder
from dasktop.collectors.sources.dask.shipped_scheduler import send_messages
from dasktop.collectors.sources.dask.shipped_values import text

# Several versions of dasktop may use one scheduler: change the number when a request, an answer or `held` changes its
# form, which includes the verbs and the keys of `held`.
SCALE = "dasktop_v1_scale"
UNFINISHED = "dasktop_v1_unfinished"  # in the workers, see `shipped_unfinished.py`
TOPIC = "dasktop"
OPERATION = "errand"  # the key that version 0.1 uses: a dasktop 0.1 may hold the lock that this code takes over
AT_WORK = ("running", "paused")

LEASE_SECONDS = 30.0
WORKER_SECONDS = 2.0
RESUME_SECONDS = 5.0
COPYING_SECONDS = 0.5


def dasktop_install(dask_scheduler: Any) -> None:
    """Add the handler, or replace that of an earlier dasktop, whose lock is kept. The scheduler logs this name."""
    # Plain data, since another dasktop's code may have made it.
    held = getattr(dask_scheduler.handlers.get(SCALE), "held", {})
    handler = ScaleHandler(dask_scheduler, held)

    async def scale(comm: Any = None, verb: str = "", **arguments: Any) -> dict[str, Any]:  # noqa: ARG001 - as READING
        try:
            return await handler.answer(verb, **arguments)
        except Refused as refusal:
            return {"refused": text(str(refusal))}
        except Exception as error:  # noqa: BLE001 - an exception here would appear in the user's log
            return {"error": text(repr(error))}

    scale.held = held  # type: ignore[attr-defined] # a function can have any attribute
    dask_scheduler.handlers[SCALE] = scale


class ScaleHandler:
    """Answers the lock holder's requests; a long operation runs as a task whose state is polled."""

    def __init__(self, scheduler: Any, held: dict[str, Any]) -> None:
        self.scheduler = scheduler
        self.held = held
        self.finder = OwnerFinder(scheduler)

    async def answer(self, verb: str, token: str, **arguments: Any) -> dict[str, Any]:
        """Run the verb, if the token is the holder's."""
        if verb == "take":
            return self.take(token, **arguments)
        if self.held.get("token") != token:
            raise Refused("the lock expired because dasktop did not respond for too long; all workers resumed")
        self.held["deadline"] = time.monotonic() + LEASE_SECONDS
        if verb in ("move", "leave", "grow", "adapt"):
            if self.operation_runs():
                raise Refused("another operation is still running")
            self.held[OPERATION] = task = asyncio.ensure_future(getattr(self, verb)(**arguments))
            self.held["may_break_off"] = verb == "move"
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # the result may never be polled
            return {}
        if verb == "look":
            return await self.look()
        if verb == "stop":
            return await self.stop(token, **arguments)
        if verb == "unfinished":
            return await self.unfinished()
        if verb == "alone":
            return unreplicated_results(self.scheduler, **arguments)
        if verb == "bound":
            return pinned_tasks(self.scheduler, **arguments)
        if verb == "give_back":
            return await self.resume()
        if verb == "end":
            return await self.end(**arguments)
        raise Refused("unknown request: " + verb)

    # The lock

    def take(self, token: str, scheduler_id: str, who: str, what: str) -> dict[str, Any]:
        """Take the lock, or refuse and name its holder."""
        if text(self.scheduler.id) != scheduler_id:
            raise Refused("another scheduler runs at this address now")
        if self.held.get("token") not in (None, token):
            seconds = time.monotonic() - self.held["since"]
            raise Refused(f"{self.held['who']} has been scaling this cluster for {seconds:.0f} s: {self.held['what']}")
        now = time.monotonic()
        self.held.update(token=token, who=who, what=what, since=now, deadline=now + LEASE_SECONDS)
        self.held.update({OPERATION: None}, stopped={}, may_break_off=True, leaving=False)
        self.held["watch"] = asyncio.ensure_future(self.watch(token))
        self.log(action="begun")
        return {}

    async def watch(self, token: str) -> None:
        """Release the lock once its holder has disappeared."""
        overdue = 0
        while self.held.get("token") == token:
            # Twice in a row, since after the event loop was blocked a request may be waiting to be read.
            overdue = overdue + 1 if time.monotonic() > self.held["deadline"] else 0
            if overdue > 1 and (self.held["may_break_off"] or not self.operation_runs()):
                await self.end(outcome="the dasktop process that held the lock has disappeared")
                return
            await asyncio.sleep(1)

    async def end(self, outcome: str) -> dict[str, Any]:
        """Release the lock, after resuming the stopped workers."""
        if not self.held["leaving"]:
            await self.resume()
        self.log(action="ended", outcome=outcome)
        self.held.clear()
        return {}

    def log(self, **event: Any) -> None:
        """Log a scheduler event under the topic `dasktop`."""
        self.scheduler.log_event(TOPIC, {**event, "who": self.held["who"], "what": self.held["what"]})

    def operation_runs(self) -> bool:
        """Return whether a long operation is running."""
        return self.held[OPERATION] is not None and not self.held[OPERATION].done()

    async def look(self) -> dict[str, Any]:
        """Return the result of the long operation, or that it still runs."""
        operation = self.held[OPERATION]
        if operation is None:
            raise Refused("no operation is running")
        await asyncio.wait([operation], timeout=0.1)
        return {"done": operation.result()} if operation.done() else {"running": True}

    # Releasing jobs

    async def stop(self, token: str, addresses: Any, function: bytes) -> dict[str, Any]:
        """Stop these workers from starting tasks. Running tasks continue, and stored results can be fetched."""
        for address in addresses:
            worker = self.scheduler.workers.get(address)
            if worker is None:
                raise Refused(f"the worker at {address} has left")
            if worker.status.name not in AT_WORK:
                status = worker.status.name.replace("closing_gracefully", "retiring")
                raise Refused(f"the worker at {address} is already {status}")
        self.held["function"] = function
        await asyncio.gather(*[self.install_probe(address) for address in addresses])
        if self.held.get("token") != token:
            raise Refused("cancelled")
        for address in addresses:
            worker = self.scheduler.workers.get(address)
            if worker is not None:
                self.held["stopped"][address] = worker.status.name
                # At once, as `retire_workers` does, so that the scheduler sends it no more tasks.
                self.scheduler.handle_worker_status_change("closing_gracefully", address, stimulus("stop"))
                self.send_status(address, "closing_gracefully")
        return {}

    def send_status(self, address: str, status: str) -> None:
        """Send a worker its new status; it confirms to the scheduler."""
        message = {"op": "worker-status-change", "status": status, "stimulus_id": stimulus(status)}
        self.scheduler.stream_comms[address].send(message)

    async def unfinished(self) -> dict[str, Any]:
        """Return how much each of the stopped workers still runs. Those that have left are omitted."""
        addresses = [address for address in self.held["stopped"] if address in self.scheduler.workers]
        answers = await asyncio.gather(*[self.unfinished_on(address) for address in addresses])
        return dict(zip(addresses, answers))  # noqa: B905 - `strict` is unknown to Python 3.8

    async def install_probe(self, address: str) -> None:
        """Install the handler that returns unfinished tasks in a worker."""
        await self.ask(address, {"op": "run", "function": self.held["function"]})

    async def unfinished_on(self, address: str) -> list[Any]:
        """Return how many tasks a worker runs, and the names of some; None if it does not answer."""
        answer = await self.ask(address, {"op": UNFINISHED})
        if answer is None:
            await self.install_probe(address)  # perhaps it was too busy to install it before
            return [None, []]
        if answer.get("status") != "closing_gracefully":  # it has not received the status yet
            return [None, []]
        if answer["executing"]:
            return [answer["executing"], answer["some"]]
        # A task that ended there may not be known to the scheduler yet; removing the worker now would rerun it.
        worker = self.scheduler.workers.get(address)
        keys = [task.key for task in worker.processing] if worker else []
        answer = await self.ask(address, {"op": UNFINISHED, "keys": keys}) if keys else answer
        return [None, []] if answer is None else [answer["executing"] + answer["settling"], answer["some"]]

    async def ask(self, address: str, message: dict[str, Any]) -> Any:
        """Return a worker's answer, or None."""
        try:
            answer = await asyncio.wait_for(send_messages(self.scheduler, address, [message]), WORKER_SECONDS)
        except Exception:  # noqa: BLE001 - it is busy, gone, or sent garbage; the next request shows
            return None
        return answer if isinstance(answer, dict) and "error" not in answer else None

    async def move(self, addresses: Any) -> dict[str, Any]:
        """Copy the results that only these workers hold to the others."""
        while True:
            present = [address for address in addresses if address in self.scheduler.workers]
            moved = await self.scheduler.retire_workers(workers=present, close_workers=False, remove=False)
            # dask considers a result on two workers safe even if both are to leave, and finishes without copying it.
            if len(moved) < len(present) or not unreplicated_results(self.scheduler, present)["results"]:
                return {}
            await asyncio.sleep(COPYING_SECONDS)
            self.forget_retiring(present)

    async def leave(self, addresses: Any, jobs: dict[str, str]) -> dict[str, Any]:
        """Remove these workers from dask, and release these jobs of the owner (name → id).

        This cannot be undone, so everything is checked again, with no await in between.
        """
        owner, names = self.find_jobs(jobs)
        expected = set(addresses)
        for worker in self.scheduler.workers.values():
            if worker.address not in expected and owner and job_of(owner, worker.name) in names:
                raise Refused(f"worker {text(worker.name)} has joined since")
        left = unreplicated_results(self.scheduler, addresses)
        if left["results"] or left["actors"] or left["shuffles"] or pinned_tasks(self.scheduler, addresses)["tasks"]:
            raise Refused("its workers have received more results or tasks since, which would be lost")
        present = [address for address in addresses if address in self.scheduler.workers]
        for address in present:
            if self.scheduler.workers[address].status.name in AT_WORK:
                raise Refused(f"the worker at {address} has been restarted since")
        self.held["leaving"] = True
        if present:
            # Tasks queued there are moved, without counting as killed.
            await self.scheduler.retire_workers(workers=present, close_workers=False, remove=True)
        if any(address in self.scheduler.workers for address in present):
            self.held["leaving"] = False
            raise Refused("some workers could not be retired and resume; the others have left")
        if names:
            await in_loop_of(owner, lambda: owner.scale_down(names))
        return {}

    async def resume(self) -> dict[str, Any]:
        """Resume the stopped workers, and wait up to `RESUME_SECONDS` until they confirm."""
        if self.held["leaving"]:
            raise Refused("too late: the jobs are being released")
        stopped, self.held["stopped"] = self.held["stopped"], {}
        if self.operation_runs() and self.held["may_break_off"]:
            self.held[OPERATION].cancel()
            await asyncio.wait([self.held[OPERATION]])
        self.forget_retiring(stopped)
        for address, status in stopped.items():
            if address in self.scheduler.stream_comms:
                self.send_status(address, status)
        deadline = time.monotonic() + RESUME_SECONDS
        while time.monotonic() < deadline and self.any_still_stopped(stopped):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.02)
        return {}

    def forget_retiring(self, addresses: Any) -> None:
        """Drop the policies of a cancelled or finished `retire_workers`: they keep moving results away."""
        memory_manager = self.scheduler.extensions.get("amm")
        for policy in list(getattr(memory_manager, "policies", ())):
            if type(policy).__name__ == "RetireWorker" and policy.address in addresses:
                memory_manager.policies.discard(policy)

    def any_still_stopped(self, addresses: Any) -> bool:
        """Return whether one of these workers has not yet confirmed that it runs again."""
        present = [self.scheduler.workers[address] for address in addresses if address in self.scheduler.workers]
        return any(worker.status.name == "closing_gracefully" for worker in present)

    # Through the owner

    def owner(self) -> Any:
        """Return the owner, a dask-jobqueue cluster."""
        owner = self.finder.find()
        if owner is None:
            raise Refused("the cluster object is no longer in the scheduler's process")
        if not hasattr(owner, "job_cls"):
            raise Refused(f"a {type(owner).__name__} has no jobs")
        return owner

    def find_jobs(self, jobs: dict[str, str]) -> tuple[Any, list[Any]]:
        """Return the owner and its own names of these jobs (name → id); without jobs, no owner is needed."""
        if not jobs:
            return None, []
        owner = self.owner()
        return owner, own_names(owner, jobs)

    async def grow(self, jobs: int, lost: dict[str, str]) -> dict[str, Any]:
        """Submit more jobs, after forgetting these lost ones (name → id); see `shipped_owner.grow`."""
        owner = self.owner()
        dead = own_names(owner, lost)
        workers = list(self.scheduler.workers.values())
        for worker in workers:
            if dead and job_of(owner, worker.name) in dead:
                raise Refused(f"worker {text(worker.name)} of a lost job is still there")
        taken = {text(worker.name) for worker in workers}
        submitted: dict[str, Any] = await in_loop_of(owner, lambda: grow(owner, jobs, dead, taken))
        return submitted

    async def adapt(self, minimum: Any, maximum: Any) -> dict[str, Any]:
        """Turn adaptive scaling on with these bounds, in jobs; both None: off."""
        owner = self.owner()
        if minimum is None and maximum is None:
            await in_loop_of(owner, lambda: stop_adapting(owner))
            return {"grouped": False}
        return {"grouped": await in_loop_of(owner, lambda: adapt(owner, minimum or 0, maximum))}


def stimulus(what: str) -> str:
    """Return a stimulus id for the scheduler's transition log."""
    return f"dasktop-{what}-{time.time()}"
