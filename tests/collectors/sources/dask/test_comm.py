"""Our reader of dask's protocol: messages of distributed, plain data only, within bounds."""

import asyncio
import contextlib
import struct
import tracemalloc
import zlib
from typing import Any

import msgpack
import pytest
from distributed.protocol.serialize import Serialize, ToPickle
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.sources.dask.comm import (
    MOST_BYTES,
    MOST_FRAMES,
    MOST_ITEMS,
    MOST_VALUES,
    Comm,
    ProtocolError,
    decode,
    encode,
    unpacked,
)
from dasktop.collectors.sources.dask.shipped_values import PACKED, pack_answer
from tests.support.dask_messages import framed, from_distributed


async def read(*sent: bytes, ends: bool = True, **arguments: int) -> Any:
    """Return the first message in these bytes."""
    reader = asyncio.StreamReader()
    for part in sent:
        reader.feed_data(part)
    if ends:
        reader.feed_eof()
    return await Comm(reader, None).read(**arguments)  # type: ignore[arg-type] - it isn't written to


class TestMessagesOfDistributed:
    @pytest.mark.parametrize("apart", [0, 1])
    async def test_pickled_data_stay_a_reference(self, apart: int) -> None:
        frames = from_distributed({"status": "OK", "result": Serialize(b"x" * 9), "other": [ToPickle({1}), None]})
        answer = await read(framed(frames, apart))
        assert answer["status"] == "OK"
        assert set(answer["result"]) == {"__Serialized__"}
        assert set(answer["other"][0]) == {"__Pickled__"}

    async def test_compressed_frames_are_skipped(self) -> None:
        bomb = zlib.compress(b"\0" * 10_000_000)
        head = msgpack.packb({"compression": ("zlib",), "num-sub-frames": 1})
        first, second = {"a": {"__Serialized__": 1}}, {"next": True}
        sent = [framed([encode_plain(first), head, bomb]), encode(second)]
        reader = asyncio.StreamReader()
        reader.feed_data(b"".join(sent))
        comm = Comm(reader, None)  # type: ignore[arg-type] - it isn't written to
        assert [await comm.read(), await comm.read()] == [first, second]

    def test_lists_and_numbers_as_keys(self) -> None:
        message = {("a", 1): [1, -1, 2**63, 1.5, None, True], 7: {"ä": b"\xff"}}
        assert decode(from_distributed(message)[0]) == {("a", 1): (1, -1, 2**63, 1.5, None, True), 7: {"ä": b"\xff"}}

    async def test_distributed_reads_our_messages(self) -> None:
        message = {"op": "run_function", "function": b"\x80\x04.", "addresses": ["a"], "seconds": 1.5}
        assert await read(encode(message)) == {**message, "addresses": ("a",)}
        assert encode(message) == framed(from_distributed(message))


class TestBounds:
    """Each is refused as soon as it is detected, without waiting for more."""

    async def test_too_long_message(self) -> None:
        with pytest.raises(ProtocolError, match=r"1,099,511,627,\d+ bytes"):
            await read(struct.pack("=3Q", 16, 1, 1 << 40), ends=False)
        await read(encode({"a": "b"}), most_bytes=40)
        with pytest.raises(ProtocolError, match="more than 40"):
            await read(encode({"a": "b" * 40}), ends=False, most_bytes=40)

    async def test_too_long_later_frames(self) -> None:
        with pytest.raises(ProtocolError, match="bytes, more than"):
            await read(struct.pack("=4Q", 24, 2, 1, MOST_BYTES), ends=False)

    @pytest.mark.parametrize("frames", [0, MOST_FRAMES + 1, 2**64 - 1])
    async def test_invalid_number_of_frames(self, frames: int) -> None:
        with pytest.raises(ProtocolError, match="frames"):
            await read(struct.pack("=2Q", 8, frames), ends=False)

    async def test_inconsistent_lengths(self) -> None:
        with pytest.raises(ProtocolError, match="inconsistent lengths"):
            await read(struct.pack("=3Q", 1 << 62, 1, 1), b"\xc0", ends=False)

    @pytest.mark.parametrize("cut", [0, 3, 8, 20, 24, 30])
    async def test_truncated_message(self, cut: int) -> None:
        with pytest.raises(ConnectionError):
            await read(encode({"op": "identity"})[:cut])

    @pytest.mark.parametrize("opened", [b"\x91", b"\x81\xc0"])
    def test_too_deep_nesting(self, opened: bytes) -> None:
        assert decode(opened * 100 + b"\xc0") is not None
        with pytest.raises(ProtocolError):
            decode(opened * 100_000 + b"\xc0")

    @pytest.mark.parametrize("many", [[None] * (MOST_ITEMS + 1), dict.fromkeys(range(MOST_ITEMS + 1))])
    def test_too_many_items(self, many: object) -> None:
        with pytest.raises(ProtocolError, match=str(MOST_ITEMS)):
            decode(encode_plain({"workers": many}))

    def test_workers_of_a_large_cluster(self) -> None:
        workers = [[f"tcp://10.0.0.1:{number}", "running"] for number in range(50_000)]
        assert len(decode(encode_plain({"workers": workers}))["workers"]) == 50_000

    def test_too_many_values(self) -> None:
        lists = [[None] * MOST_ITEMS] * (MOST_VALUES // MOST_ITEMS)
        with pytest.raises(ProtocolError, match="values"):
            decode(encode_plain(lists))
        with pytest.raises(ProtocolError, match="values"):
            decode(encode_plain([[[]] * MOST_ITEMS] * (MOST_VALUES // MOST_ITEMS)))

    def test_list_shorter_than_announced(self) -> None:
        promise = b"\xdd" + struct.pack(">I", MOST_ITEMS)
        tracemalloc.start()
        try:
            for bomb in (promise * 1000, promise * 100_000, b"\xdd\xff\xff\xff\xff" * 1000, b"\xdf\xff\xff\xff\xff"):
                with pytest.raises(ProtocolError):
                    decode(bomb)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(
        "frame",
        [
            b"",
            b"\xc1",
            b"\xc0\xc0",
            b"\xa1\xff",  # no UTF-8
            b"\x81\x80\xc0",  # a dictionary as a key
            b"\xc7\x00\x05",  # an extension
            b"\xd6\xff\x00\x00\x00\x00",  # and msgpack's own one, a time
        ],
    )
    def test_data_that_are_not_plain(self, frame: bytes) -> None:
        with pytest.raises(ProtocolError):
            decode(frame)


def encode_plain(message: object) -> bytes:
    packed: bytes = msgpack.packb(message)
    return packed


@given(st.binary(max_size=200))
def test_any_bytes_raise_only_protocol_errors(sent: bytes) -> None:
    with contextlib.suppress(ProtocolError, ConnectionError):
        asyncio.run(read(sent))
    with contextlib.suppress(ProtocolError):
        decode(sent)


class TestPackedAnswers:
    def test_any_answer_arrives_as_it_was(self) -> None:
        answer = {"workers": [["ä", None, 1.5], []], "packed": {"n": 2**63}}
        arrived = unpacked(decode(from_distributed(pack_answer(answer))[0]))
        assert arrived == {"workers": (("ä", None, 1.5), ()), "packed": {"n": 2**63}}

    @pytest.mark.parametrize("answer", [None, 7, {}, {"packed": 1}, {"status": "OK"}, ("packed",)])
    def test_other_answers_stay_as_they_are(self, answer: object) -> None:
        assert unpacked(answer) == answer

    @pytest.mark.parametrize("value", [{1}, object(), 2**65], ids=["set", "object", "large"])
    def test_what_msgpack_cannot_encode_is_not_packed(self, value: object) -> None:
        answer = {"a": value}
        assert pack_answer(answer) is answer

    @pytest.mark.parametrize("frame", [b"", b"\xc1", b"\x91", b"\x91" * 5000 + b"\xc0", b"\xd4\x00x"])
    def test_packed_answer_is_bounded_too(self, frame: bytes) -> None:
        with pytest.raises(ProtocolError):
            unpacked({PACKED: frame})

    def test_a_part_of_a_message_is_bounded_by_less(self) -> None:
        """A message may contain thousands of them, and is itself only some values long."""
        threads = pack_answer({"threads": [[1] * 9] * 20})
        assert unpacked(threads, 300) == unpacked(threads)
        with pytest.raises(ProtocolError, match="more than 100 values"):
            unpacked(threads, 100)
