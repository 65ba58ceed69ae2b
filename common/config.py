"""Settings: `default_config.yaml` < `--config_path overlay.yaml` < `--key value`.

The default file lists every key with its default value; the comment at the end of a key's line is its help text. The
type of the default is the type of the key. The result is read-only and is passed on as an argument; no module keeps it.
"""
import argparse
import math
import os
import re
from collections.abc import Mapping

import yaml

from common.arguments import Arguments
from common.errors import UserError
from common.files import atomic_write

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Config(Mapping):
    """Read-only settings: `config.batch_size` or `config["batch_size"]`.

    Args:
        values (dict): key -> bool, int, float, str or list.
        given (set): names of the keys that an overlay or the command line set; the rest stand at their defaults.
        typed (set): those of them that the command line set.
    """

    def __init__(self, values, given=(), typed=()):
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "given", frozenset(given))
        object.__setattr__(self, "typed", frozenset(typed))

    def __getattr__(self, name):
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"the configuration has no key {name!r}") from None

    def __setattr__(self, name, value):
        raise AttributeError("a Config is read-only: use config.replace(key=value)")

    def __getitem__(self, name):
        return self._values[name]

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    def replace(self, **changes):
        """A copy with some keys changed. Raises KeyError for a key that does not exist."""
        unknown = set(changes) - set(self._values)
        if unknown:
            raise KeyError(f"unknown keys: {sorted(unknown)}")
        return Config({**self._values, **changes}, self.given | set(changes), self.typed)

    def save(self, path):
        """Write the settings as yaml; the file can be given back as --config_path."""
        text = yaml.safe_dump(dict(self._values), sort_keys=False, allow_unicode=True, default_flow_style=None)
        atomic_write(path, text.encode("utf-8"))


def load_config(default_path, argv=None, aliases=None, overrides=None):
    """Read the settings of one run.

    Args:
        default_path (str): the model's default_config.yaml.
        argv (list[str]): command line without the program's name; None means no arguments.
        aliases (dict): other documented names of keys, e.g. {"checkpoint": "ckpt_file"}.
        overrides (dict): values that win over the defaults and lose to the overlay and the command line.

    Returns:
        Config.

    Raises:
        UserError: an unknown or abbreviated key, a value of the wrong type, a file that is missing or no mapping.
    """
    defaults = _read_yaml(default_path)
    parser = _parser(default_path, defaults, aliases or {})
    given = vars(_parse(parser, defaults, list(argv or []), aliases or {}))
    values, overlay = dict(defaults), {}
    values.update(overrides or {})
    config_path = given.pop("config_path", None)
    if config_path:
        for key, value in _read_yaml(config_path).items():
            if key not in defaults:
                raise UserError(f"{config_path}: unknown key {key!r}{_suggest(str(key), defaults)}")
            overlay[key] = _check_type(value, defaults[key], f"{config_path}: {key}")
    values.update(overlay)
    values.update(given)
    return Config(values, set(overlay) | set(given), given)


def _read_yaml(path):
    try:
        with open(path, encoding="utf-8") as stream:
            values = yaml.safe_load(stream)
    except FileNotFoundError:
        raise UserError(f"configuration file {path} does not exist (--config_path)") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"configuration file {path} cannot be read as yaml: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UserError(f"configuration file {path} must hold lines of the form 'key: value'")
    return values


def _comments(path):
    """key -> the comment at the end of its line."""
    with open(path, encoding="utf-8") as stream:
        found = re.findall(r"^(\w+)\s*:[^\n]*?\s#\s*(.*)$", stream.read(), re.MULTILINE)
    return dict(found)


def _parser(path, defaults, aliases):
    parser = Arguments(
        argument_default=argparse.SUPPRESS,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=34, width=120),
        description=f"Settings and their defaults stand in {os.path.basename(path)}. "
                    "Booleans: --key, --key true or --key false. Lists: --key 1,2,3.")
    parser.add_argument("--config_path", metavar="YAML", help="a yaml file whose keys replace the defaults")
    comments, other_names = _comments(path), {}
    for alias, key in aliases.items():
        other_names.setdefault(key, []).append(alias)
    for key, default in defaults.items():
        text = f"{comments.get(key, '')} [{_show(default)}]".replace("%", "%%")
        optional = {"nargs": "?", "const": True} if isinstance(default, bool) else {}
        parser.add_argument(f"--{key}", *(f"--{alias}" for alias in other_names.get(key, [])), dest=key,
                            metavar=type(default).__name__.upper(), help=text,
                            type=_converter(key, default), **optional)
    return parser


def _parse(parser, defaults, argv, aliases):
    known, unknown = parser.parse_known_args(argv)
    if unknown:
        name = unknown[0].split("=")[0]
        if name.startswith("--"):
            raise UserError(f"unknown flag {name}{_suggest(name[2:], [*defaults, *aliases], '--')} "
                            "(--help lists every flag)")
        raise UserError(f"unexpected argument {unknown[0]!r}: values follow their flag, as in --key value")
    return known


def _suggest(name, keys, prefix=""):
    import difflib

    close = [key for key in keys if key.startswith(name)] or difflib.get_close_matches(name, list(keys), 2)
    return f"; did you mean {' or '.join(prefix + key for key in close[:2])}?" if close else ""


def _show(value):
    return "''" if value == "" else str(value).lower() if isinstance(value, bool) else value


def _converter(key, default):
    """Text of the command line -> value of the default's type."""
    def convert(text):
        if text is True:
            return True
        try:
            return _from_text(text, default)
        except ValueError:
            raise UserError(f"--{key}: {text!r} is not {_kind(default)}") from None
    return convert


def _from_text(text, default):
    if isinstance(default, bool):
        if text.lower() in TRUE:
            return True
        if text.lower() in FALSE:
            return False
        raise ValueError(text)
    if isinstance(default, int):
        return int(text)
    if isinstance(default, float):
        return _finite(float(text))
    if isinstance(default, list):
        items = [item.strip() for item in text.strip().strip("[]").split(",")]
        items = [item for item in items if item]
        if not default:
            return items
        return [_from_text(item, default[0]) for item in items]
    return text


def _finite(value):
    """A float that is neither infinite nor NaN: with those a run would fail much later, or never say why."""
    if not math.isfinite(value):
        raise ValueError(value)
    return value


def _check_type(value, default, where):
    """A yaml value must have the type of the default; whole numbers are fine for floats."""
    if isinstance(default, float) and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _finite(float(value))
        except (ValueError, OverflowError):
            raise UserError(f"{where}: {value!r} is not {_kind(default)}") from None
    if isinstance(default, list):
        if not isinstance(value, list):
            raise UserError(f"{where}: {value!r} is not a list, as in [1, 2]")
        return [_check_type(item, default[0], where) for item in value] if default else value
    if type(value) is not type(default):
        hint = " (yaml reads 1e-4 as text: write 1.0e-4)" if isinstance(default, float) else ""
        raise UserError(f"{where}: {value!r} is not {_kind(default)}{hint}")
    return value


def _kind(default):
    if isinstance(default, list):
        return f"a list of {_kind(default[0]).split(' ', 1)[1]}s" if default else "a list"
    return {bool: "a boolean (true or false)", int: "a whole number", float: "a number", str: "a text"}[type(default)]
