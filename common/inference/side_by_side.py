"""Reading, predicting and drawing at the same time: threads, because what takes long holds no lock of Python's.

Decoding, drawing and compressing happen in compiled code (OpenCV, FFmpeg, numba, zlib), so threads of one process use
all cores and nothing has to be copied between processes.
"""
import collections
import os
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

READ_AHEAD = 4  # images that are decoded before the network needs them
WRITERS = min(4, os.cpu_count() or 1)  # threads that draw and write


def ahead(items: Iterable, depth: int) -> Generator:
    """Yield the items, taken by a thread that is at most `depth` items ahead.

    An error of the items is raised where the item would have come. Closing the iterator ends the thread.

    Args:
        items: anything to iterate over; only the thread does.
        depth: items that wait at most.
    """
    waiting, stopped, end = queue.Queue(depth), threading.Event(), object()

    def put(entry: tuple) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def take() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    break
            put((end, None))
        except BaseException as error:  # belongs to whoever takes the items
            put((end, error))
        finally:
            if hasattr(items, "close"):
                items.close()

    thread = threading.Thread(target=take, name="reader", daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        stopped.set()
        thread.join()


def in_order(function: Callable, items: Iterable, workers: int) -> Iterator:
    """Yield function(item) of every item, in their order, computed by threads; at most twice `workers` are under way.

    An error of the function is raised in place of its result. What is under way is finished, whatever happens.

    Args:
        function: called by the threads.
        items: taken one by one by the caller's thread.
        workers: number of threads.
    """
    under_way = collections.deque()
    with ThreadPoolExecutor(workers, "writer") as pool:
        for item in items:
            under_way.append(pool.submit(function, item))
            while len(under_way) >= 2 * workers or (under_way and under_way[0].done()):
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
