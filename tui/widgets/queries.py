"""Passes queries of widgets to the feed, and answers back to the widgets. Does no I/O."""

from textual.message import Message
from textual.message_pump import MessagePump

from dasktop.collectors.model.feed import Feed
from dasktop.collectors.model.queries import Answer, Question


class Answered(Message, bubble=False):
    """The answer to a query, posted to the widget or screen that asked; handled in ``on_answered``."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Queries:
    """Passes queries to a feed, and answers back.

    Parameters
    ----------
    feed
        Answers queries.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._askers: dict[Question, list[MessagePump]] = {}

    def ask(self, question: Question, asker: MessagePump) -> None:
        """Send a query; `asker` gets an `Answered`. A query that is already pending is not sent again."""
        if question in self._askers:
            self._askers[question].append(asker)
        else:
            self._askers[question] = [asker]
            self._feed.ask(question)

    def forget(self) -> None:
        """Drop the answers to all pending queries."""
        self._askers.clear()

    def hand_over(self, answer: Answer) -> None:
        """Post an answer to all that asked for it."""
        for asker in self._askers.pop(answer.question, []):
            asker.post_message(Answered(answer))  # ignored by a closed widget
