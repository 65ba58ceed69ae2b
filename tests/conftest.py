"""Shared by all tests: the environment is prepared before anything imports mindspore."""
import common  # noqa: F401

LONGEST = "test_operators.py"


def pytest_collection_modifyitems(items):
    """The longest files first, so that with several processes none of them is left for the end."""
    items.sort(key=lambda item: item.path.name != LONGEST)
