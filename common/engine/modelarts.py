"""Huawei ModelArts: data comes from object storage before a run, results go back after it."""
import contextlib
import logging
from collections.abc import Iterator

from common.config import Config
from common.errors import UserError

LOGGER = logging.getLogger("mindhuman")


@contextlib.contextmanager
def on_modelarts(config: Config, data_dir: str, output_dir: str,
                 urls: tuple[str, str] = ("data_url", "train_url")) -> Iterator[None]:
    """Fetch the data, run the block, send the output back, also when the block failed; --enable_modelarts off: run it.

    Args:
        config (Config): with `enable_modelarts` and the settings `urls`.
        data_dir, output_dir (str): local folders.
        urls (tuple): settings that hold the object-storage addresses (obs://...) of the data and of the output.

    Raises:
        UserError: the package moxing, which ModelArts provides, is not there.
    """
    if not config.enable_modelarts:
        yield
        return
    try:
        import moxing
    except ImportError:
        raise UserError("--enable_modelarts: the package moxing is missing; it exists on ModelArts machines only, so "
                        "leave the flag out elsewhere") from None
    data_url, result_url = (config[name] for name in urls)
    LOGGER.info("Fetching %s to %s", data_url, data_dir)
    moxing.file.copy_parallel(data_url, data_dir)
    try:
        yield
    finally:
        LOGGER.info("Sending %s to %s", output_dir, result_url)
        moxing.file.copy_parallel(output_dir, result_url)
