"""Events that wait for a busy screen: only the newest snapshot, and all in order."""

from textual.message import Message

from dasktop.collectors.model.feed import ReplayPosition, Switched
from dasktop.tui.widgets.messages import Mailbox, PositionArrived, SnapshotArrived, SwitchArrived
from tests.support.snapshots import TAKEN_AT, job, snapshot


def test_only_the_newest_snapshot_waits() -> None:
    waiting: list[Message] = []
    mailbox = Mailbox(waiting.append)
    snapshots = [snapshot([job(str(number))]) for number in range(1, 101)]
    for delivered in snapshots[:-1]:
        mailbox.deliver(delivered)
    [message] = waiting
    assert isinstance(message, SnapshotArrived)
    assert message.snapshot is snapshots[-2]
    mailbox.take(message)
    mailbox.deliver(snapshots[-1])
    assert message.snapshot is snapshots[-2]
    assert len(waiting) == 2


def test_snapshots_never_overtake_other_events() -> None:
    waiting: list[Message] = []
    mailbox = Mailbox(waiting.append)
    before, after = snapshot([job("1")]), snapshot([job("2")])
    for event in (before, Switched(address="tcp://a:1"), after):
        mailbox.deliver(event)
    assert [type(message) for message in waiting] == [SnapshotArrived, SwitchArrived, SnapshotArrived]
    assert [message.snapshot for message in waiting if isinstance(message, SnapshotArrived)] == [before, after]


def test_positions_never_overtake_their_snapshot() -> None:
    waiting: list[Message] = []
    mailbox = Mailbox(waiting.append)
    first, second = snapshot([job("1")]), snapshot([job("2")])
    mailbox.deliver(first)
    mailbox.deliver(position(1))
    [taken, _] = waiting
    assert isinstance(taken, SnapshotArrived)
    mailbox.take(taken)
    mailbox.deliver(second)
    mailbox.deliver(position(2))
    mailbox.deliver(position(3))
    received = [
        message.position.number if isinstance(message, PositionArrived) else message.snapshot  # type: ignore[attr-defined]
        for message in waiting
    ]
    assert received == [first, 1, second, 3]


def position(number: int) -> ReplayPosition:
    return ReplayPosition(
        at=TAKEN_AT,
        begins_at=TAKEN_AT,
        ends_at=TAKEN_AT,
        number=number,
        count=3,
        speed=1.0,
        is_playing=False,
        is_redacted=False,
        is_opening=False,
    )
