"""Shared by all tests: the environment is set before anything imports mindspore; `full` tests wait for --full."""
import common  # noqa: F401

LONGEST = "test_graphs.py"


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true",
                     help="also the tests marked full: slow ones about what rarely breaks")


def pytest_collection_modifyitems(config, items):
    """Without --full, tests marked so run only where they are asked for: by -m, or by name (file.py::test_name)."""
    if not config.getoption("--full") and "full" not in config.getoption("markexpr"):
        named = tuple(argument.partition("::")[2] for argument in config.args if "::" in argument)
        waiting = [item for item in items if item.get_closest_marker("full")
                   and not item.nodeid.partition("::")[2].startswith(named or ("\0",))]
        config.hook.pytest_deselected(items=waiting)
        items[:] = [item for item in items if item not in set(waiting)]
    # The longest files first, so that with several processes none of them is left for the end.
    items.sort(key=lambda item: item.path.name != LONGEST)
