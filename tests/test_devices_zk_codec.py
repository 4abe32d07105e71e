"""ZKTeco's records: bytes to values, held against the fake's own writing of them."""

from __future__ import annotations

import sys
from datetime import datetime
from random import Random

import pytest
from devices import UserData, zk_codec
from devices.errors import DeviceDataError
from zk_terminal import ZkTerminal, pack_time


def test_time_round_trip() -> None:
    assert zk_codec.decode_time(pack_time(2026, 11, 2, 8, 3, 59)) == (
        "2026-11-02 08:03:59",
        datetime(2026, 11, 2, 8, 3, 59),
    )


def test_impossible_day_keeps_its_text() -> None:
    assert zk_codec.decode_time(pack_time(2026, 2, 31, 8)) == (
        "2026-02-31 08:00:00",
        None,
    )


def test_every_32_bit_time_decodes() -> None:
    for packed in (0, 1, 2**31, 2**32 - 1):
        text, _moment = zk_codec.decode_time(packed)
        assert len(text) == 19


def filled(layout: int, rows: int) -> ZkTerminal:
    terminal = ZkTerminal(layout=layout)
    terminal._server.server_close()  # only its log is wanted
    terminal.extend(
        (str(1 + row % 50), datetime(2026, 11, 2, 8, row % 60), row % 6, 1)
        for row in range(rows)
    )
    return terminal


@pytest.mark.parametrize("layout", [8, 16, 40, 49])
@pytest.mark.parametrize("rows", [1, 2, 10, 100])
def test_layout_found(layout: int, rows: int) -> None:
    blob = filled(layout, rows).log_blob()
    assert zk_codec.find_layout(blob, rows) == (layout, rows, True)


@pytest.mark.parametrize("layout", [8, 16, 40])
@pytest.mark.parametrize("off_by", [-2, -1, 1, 5])
def test_layout_found_with_a_wrong_counter(layout: int, off_by: int) -> None:
    blob = filled(layout, 10).log_blob()
    assert zk_codec.find_layout(blob, 10 + off_by) == (layout, 10, False)


def test_cut_off_log_is_not_exact() -> None:
    blob = filled(40, 10).log_blob()
    assert zk_codec.find_layout(blob[:-50], 10) == (40, 8, False)


def test_unknown_layout() -> None:
    with pytest.raises(DeviceDataError):
        zk_codec.find_layout((13).to_bytes(4, "little") + bytes(13), 2)


def test_empty_log() -> None:
    assert zk_codec.find_layout(b"", 0) == (40, 0, True)
    assert zk_codec.find_layout(bytes(4), 0) == (40, 0, True)
    assert zk_codec.find_layout(bytes(4), 3) == (40, 0, False)


@pytest.mark.parametrize("layout", [8, 16, 40, 49])
def test_log_decodes(layout: int) -> None:
    terminal = filled(layout, 60)
    users = zk_codec.decode_users(terminal.user_blob(), terminal.users)
    codes = {slot: user.code for slot, user in users}
    scans = list(zk_codec.decode_log(terminal.log_blob()[4:], layout, codes))
    assert [scan.user_code for scan in scans] == [str(1 + r % 50) for r in range(60)]
    assert scans[59].local_time == datetime(2026, 11, 2, 8, 59)
    assert scans[1].scan_type == "out"
    assert scans[1].raw["punch"] == 1


def test_leading_zeros_and_blanks() -> None:
    terminal = filled(40, 0)
    terminal.add("0042", datetime(2026, 11, 2, 8))
    [scan] = zk_codec.decode_log(terminal.log_blob()[4:], 40, {})
    assert scan.user_code == "0042"


def test_users_of_unknown_size() -> None:
    with pytest.raises(DeviceDataError):
        list(zk_codec.decode_users((50).to_bytes(4, "little") + bytes(50), 1))


@pytest.mark.parametrize("layout", [8, 40])
def test_users(layout: int) -> None:
    terminal = filled(layout, 0)
    terminal.enrol("17", "Amina", 4711)
    terminal.enrol("18", "José")
    blob = terminal.user_blob()
    # Also when the counter is off.
    for count in (1, 2, 3):
        assert list(zk_codec.decode_users(blob, count)) == [
            (1, UserData("17", "Amina", "4711")),
            (2, UserData("18", "José", "")),
        ]


def test_users_cut_off() -> None:
    terminal = filled(40, 0)
    terminal.enrol("17")
    with pytest.raises(DeviceDataError):
        list(zk_codec.decode_users(terminal.user_blob()[:-1], 1))


@pytest.mark.parametrize("layout", [8, 16, 40])
def test_records_that_make_sense(layout: int) -> None:
    assert not zk_codec.misread(filled(layout, 20).log_blob()[4:], layout)


def test_records_that_make_none() -> None:
    for stride in (8, 16):
        assert zk_codec.misread(Random(7).randbytes(stride * 100), stride)


def test_decoding_grows_linearly() -> None:
    """100,000 records cost as many steps each as 1,000: counted, not timed."""

    def steps(rows: int) -> float:
        body = filled(40, 1).log_blob()[4:] * rows
        count = decoded = 0

        def trace(_frame: object, event: str, _arg: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        # Copies would not show as calls: what is passed around must stay small too.
        sys.setprofile(trace)
        try:
            for scan in zk_codec.decode_log(body, 40, {}):
                decoded += scan.user_code == "1"
        finally:
            sys.setprofile(None)
        assert decoded == rows
        return count / rows

    assert steps(100_000) == pytest.approx(steps(1_000), rel=0.05)


def test_decoding_copies_no_log() -> None:
    """The body is walked through a view; each record costs a bounded piece of it."""
    import tracemalloc

    rows = 100_000
    body = filled(40, 1).log_blob()[4:] * rows
    tracemalloc.start()
    try:
        assert sum(1 for _scan in zk_codec.decode_log(body, 40, {})) == rows
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 1024
