"""Shared by all tests: the environment is prepared before anything imports mindspore."""
import common  # noqa: F401
