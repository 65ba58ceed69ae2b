"""Huawei ModelArts: data comes from object storage before a run, results go back after it."""
import contextlib
import logging
from collections.abc import Iterator

from common.errors import UserError

LOGGER = logging.getLogger("mindhuman")


@contextlib.contextmanager
def on_modelarts(enabled: bool, data_url: str, data_dir: str, output_dir: str, result_url: str) -> Iterator[None]:
    """Fetch `data_url` into `data_dir`, run the block, send `output_dir` to `result_url`, also when the block failed.

    Args:
        enabled (bool): False does nothing.
        data_url, result_url (str): object-storage addresses (obs://...).
        data_dir, output_dir (str): local folders.

    Raises:
        UserError: the package moxing, which ModelArts provides, is not there.
    """
    if not enabled:
        yield
        return
    try:
        import moxing
    except ImportError:
        raise UserError("--enable_modelarts: the package moxing is missing; it exists on ModelArts machines only, so "
                        "leave the flag out elsewhere") from None
    LOGGER.info("Fetching %s to %s", data_url, data_dir)
    moxing.file.copy_parallel(data_url, data_dir)
    try:
        yield
    finally:
        LOGGER.info("Sending %s to %s", output_dir, result_url)
        moxing.file.copy_parallel(output_dir, result_url)
