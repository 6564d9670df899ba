"""Between widgets that ask for something and the feed that looks it up. Answers reach who asked, if still there."""

from textual.message import Message
from textual.message_pump import MessagePump

from dasktop.collectors.model.feed import Feed
from dasktop.collectors.model.queries import Answer, Question


class Answered(Message, bubble=False):
    """The answer to a question of the widget or screen that gets this; heard in ``on_answered``."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class LookUps:
    """Passes questions on to a feed, and answers back.

    Parameters
    ----------
    feed
        Looks things up.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._askers: dict[Question, list[MessagePump]] = {}

    def ask(self, question: Question, asker: MessagePump) -> None:
        """Have something looked up; `asker` gets an `Answered`. The same question is put once for several askers."""
        if question in self._askers:
            self._askers[question].append(asker)
        else:
            self._askers[question] = [asker]
            self._feed.look_up(question)

    def forget(self) -> None:
        """Hand no answer over any more to what was asked until now."""
        self._askers.clear()

    def hand_over(self, answer: Answer) -> None:
        """Give an answer to all who asked for it."""
        for asker in self._askers.pop(answer.question, []):
            asker.post_message(Answered(answer))  # does nothing for one that is closed
