"""Numbers, lists, sizes and durations as text."""

import pytest

from dasktop.collectors.text.format import (
    argument_size,
    cell_size,
    clock_duration,
    counted,
    decimal_size,
    listed,
    plain_duration,
    plain_size,
    plain_sizes,
    requested_size,
    slurm_duration,
    whole_minutes,
)

MIB, GIB = 1 << 20, 1 << 30


def test_nouns_after_numbers_have_a_plural():
    assert [counted(number, "job") for number in (0, 1, 1200)] == ["0 jobs", "1 job", "1,200 jobs"]


def test_long_lists_are_shortened():
    assert listed(["1", "2", "3"]) == "1, 2, 3"
    assert listed(["1", "2", "3", "4", "5"]) == "1, 2, 3 and 2 more"


def test_an_amount_is_written_for_its_context():
    amount = int(6.6 * GIB)
    assert (cell_size(amount), plain_size(amount), decimal_size(amount)) == ("6.6G", "6.6 GiB", "7.1 GB")
    assert (requested_size(7 * 10**9), argument_size(7 * 10**9)) == ("7 GB", "7GB")
    assert (requested_size(7 * GIB), argument_size(7 * GIB)) == ("7 GiB", "7GiB")


@pytest.mark.parametrize(
    ("amount_bytes", "words"),
    [
        (200 * 10**9, "200 GB"),
        (15_500_000_000, "15.5 GB"),
        (2 * 10**12, "2 TB"),
        (1_500 * 10**12, "1,500 TB"),
        (500 * 10**6, "500 MB"),
        (16 * 10**9, "16 GB"),
        (16 * GIB, "16 GiB"),
        (int(3.73 * GIB), "3.73 GiB"),
        (14.98 * GIB, "14.98 GiB"),
        (1500 * GIB, "1.46 TiB"),
        (700, "700 B"),
        (GIB * 3 // 2, "1.5 GiB"),
        (25 * GIB, "25 GiB"),
        (123_456_789, "117.74 MiB"),
        (0, "0 B"),
    ],
)
def test_requested_memory_has_the_unit_of_the_request(amount_bytes, words):
    assert requested_size(amount_bytes) == words


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(3600, "1 h"), (5400, "1 h 30 min"), (60, "1 min"), (172800, "2 d"), (93784, "1 d 2 h"), (0, "0 s")],
)
def test_durations_in_sentences_have_two_units(seconds, expected):
    assert plain_duration(seconds) == expected


@pytest.mark.parametrize(
    ("size", "expected"), [(512, "512 B"), (100 * MIB, "100 MiB"), (1536, "1.5 KiB"), (5000 << 40, "5,000 TiB")]
)
def test_sizes_in_sentences_are_binary(size, expected):
    assert plain_size(size) == expected


@pytest.mark.parametrize(
    ("size", "other", "expected"),
    [
        (1057348 << 10, 954 << 20, ("1,033 MiB", "954 MiB")),
        (int(6.3 * (1 << 30)), 6 << 30, ("6,451 MiB", "6,144 MiB")),
        (200 << 30, 188 << 30, ("200 GiB", "188 GiB")),
        ((188 << 30) + (100 << 20), 188 << 30, ("192,612 MiB", "192,512 MiB")),
        (188 << 30, 188 << 30, ("188 GiB", "188 GiB")),
        (5, 0, ("5 B", "0 B")),
        (0, 0, ("0 B", "0 B")),
    ],
)
def test_compared_sizes_have_the_same_unit(size, other, expected):
    assert plain_sizes(size, other) == expected
    assert plain_sizes(other, size) == expected[::-1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "less than a minute"),
        (59.9, "less than a minute"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86_400, "1 d"),
        (2 * 86_400 + 3 * 3600 + 60, "2 d 3 h"),
    ],
)
def test_durations_are_rounded_down_to_minutes(seconds: float, words: str) -> None:
    assert whole_minutes(seconds) == words


def test_durations_are_written_as_in_slurm():
    assert (slurm_duration(250), slurm_duration(93_600)) == ("0:04:10", "1-02:00:00")
    assert (clock_duration(5400), clock_duration(172_800)) == ("01:30:00", "48:00:00")
