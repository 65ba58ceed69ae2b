"""Threads that read ahead and write side by side: order, bounds, errors, ends."""
import threading
import time

import pytest

from common.inference.side_by_side import ahead, in_order


def test_ahead_keeps_the_order_and_its_bound():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    seen = []
    for number in ahead(items(), 3):
        seen.append(number)
        time.sleep(0.002)
        # Three wait, one is in the reader's hand.
        assert len(taken) <= number + 1 + 4
    assert seen == list(range(20)) and threading.active_count() < 10


def test_ahead_raises_errors_where_they_belong_and_ends_with_its_user():
    def items():
        yield 1
        raise ValueError("damaged")

    reader = ahead(items(), 3)
    assert next(reader) == 1
    with pytest.raises(ValueError, match="damaged"):
        next(reader)

    closed = []

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    reader = ahead(endless(), 2)
    next(reader)
    reader.close()
    assert closed and not any(thread.name == "reader" for thread in threading.enumerate())


def test_in_order_computes_side_by_side_and_yields_in_order():
    together = threading.Barrier(2, timeout=10)  # breaks unless two calls run at once

    def slow(number):
        together.wait()
        time.sleep(0.01 * (number % 2))
        return number

    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    for expected, number in enumerate(in_order(slow, items(), 2)):
        assert number == expected and len(taken) <= number + 5


def test_in_order_raises_an_error_in_its_place_and_finishes_what_is_under_way():
    done = []

    def fragile(number):
        if number == 2:
            raise ValueError("disk full")
        time.sleep(0.01)
        done.append(number)
        return number

    seen = []
    with pytest.raises(ValueError, match="disk full"):
        for number in in_order(fragile, range(100), 2):
            seen.append(number)
    assert seen == [0, 1] and set(done) >= {0, 1} and max(done) < 8
