"""When a drawing is on the terminal: which answer belongs to which query."""

from dasktop.tui.terminal.display_sync import QUERY, DisplaySync


def asked(sync: DisplaySync) -> list[float | None]:
    """Query after a drawing; return the list that receives the answer."""
    answers: list[float | None] = []
    sync.wait(answers.append)
    assert sync.query() == QUERY
    return answers


def test_no_query_is_sent_without_a_waiter() -> None:
    assert DisplaySync().query() == ""


def test_query_is_sent_once() -> None:
    sync = DisplaySync()
    asked(sync)
    assert sync.query() == ""


def test_answers_match_queries_in_order() -> None:
    sync = DisplaySync()
    first, second = asked(sync), asked(sync)
    sync.answered(1.0)
    assert (first, second) == ([1.0], [])
    sync.answered(2.0)
    assert (first, second) == ([1.0], [2.0])


def test_silent_terminal_is_given_up() -> None:
    sync = DisplaySync()
    answers = asked(sync)
    sync.give_up(7.0)
    assert answers == [7.0]


def test_late_answer_belongs_to_its_own_query() -> None:
    sync = DisplaySync()
    asked(sync)
    sync.give_up(7.0)
    second = asked(sync)
    sync.answered(8.0)
    assert second == []
    sync.answered(9.0)
    assert second == [9.0]


def test_replying_terminal_is_waited_for() -> None:
    """On a stalled connection, a key typed meanwhile is not an answer to a drawing that is not visible yet."""
    sync = DisplaySync()
    asked(sync)
    sync.answered(1.0)
    answers = asked(sync)
    sync.give_up(60.0)
    assert answers == []


def test_queries_restart_after_another_program() -> None:
    sync = DisplaySync()
    answers = asked(sync)
    sync.forget()
    assert answers == [None]
    sync.answered(1.0)
    assert answers == [None]
    assert asked(sync) == []


def test_unexpected_answer_is_ignored() -> None:
    DisplaySync().answered(1.0)
