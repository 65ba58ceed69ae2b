"""Reading, predicting and drawing at the same time: threads, because what takes long holds no lock of Python's.

Decoding, drawing and compressing happen in compiled code (OpenCV, FFmpeg, numba, zlib), so threads of one process use
all cores and nothing has to be copied between processes.
"""
import collections
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

READ_AHEAD = 4  # images that are decoded before the network needs them
WRITERS = min(4, os.cpu_count() or 1)  # threads that draw and write


def ahead(items: Iterable, depth: int) -> Generator:
    """Yield the items, taken by a thread that is at most `depth` items ahead.

    An error of the items is raised where the item would have come. Closing the iterator ends items and thread.
    """
    iterator, end = iter(items), object()
    with ThreadPoolExecutor(1, "reader") as pool:
        waiting = collections.deque(pool.submit(next, iterator, end) for _ in range(depth))
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(pool.submit(next, iterator, end))
                yield item
        finally:
            for future in waiting:
                future.cancel()
            if hasattr(iterator, "close"):
                pool.submit(iterator.close).result()  # not before what the thread has begun


def in_order(function: Callable, items: Iterable, workers: int) -> Iterator:
    """Yield function(item) of every item, in their order, computed by threads; at most twice `workers` are under way.

    An error of the function is raised in place of its result. What is under way is finished, whatever happens.
    """
    under_way = collections.deque()
    with ThreadPoolExecutor(workers, "writer") as pool:
        for item in items:
            under_way.append(pool.submit(function, item))
            while len(under_way) >= 2 * workers or (under_way and under_way[0].done()):
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
