"""Settings: `default_config.yaml` < `--config_path overlay.yaml` < `--key value`.

The default file lists every key with its default value; the comment at the end of a key's line is its help text. The
type of the default is the type of the key. A comment line above keys begins a section; commands in brackets at its end,
as in `# Export (export.py)`, are those that use it, and `--help` of a command explains its own sections. The result is
read-only and is passed on as an argument; no module keeps it.
"""
import argparse
import logging
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import yaml

from common.arguments import Arguments, home_path, suggest
from common.errors import UserError, brief, read_as
from common.files import atomic_write
from common.text_files import read_yaml

LOGGER = logging.getLogger("mindhuman")
# For export.py, where a batch is that of the exported file, whatever training calls so.
EXPORT_ALIASES = {"batch_size": "export_batch_size"}
# Names that keys had before all models called the same thing alike.
FORMER_NAMES = {"profile_training": "profile", "learning_rate": "lr", "log_every": "log_interval",
                **dict.fromkeys(("max_epoch_train", "num_epochs", "end_epoch"), "epochs"),
                **dict.fromkeys(("num_worker", "num_thread"), "num_workers"),
                "train_batch_size": "batch_size", "continue_train": "resume",
                **{f"critic_{key}": f"discriminator_{key}" for key in ("path", "size", "activation", "shape_sizes")}}
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Config(Mapping):
    """Read-only settings: `config.batch_size` or `config["batch_size"]`.

    Args:
        values (dict): key -> bool, int, float, str or list.
        given (set): names of the keys that an overlay or the command line set; the rest stand at their defaults.
        typed (set): those of them that the command line set.
    """

    def __init__(self, values: Mapping[str, object], given: Iterable[str] = (), typed: Iterable[str] = ()):
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "given", frozenset(given))
        object.__setattr__(self, "typed", frozenset(typed))

    def __getattr__(self, name: str):
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"the configuration has no key {name!r}") from None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Config is read-only: use config.replace(key=value)")

    def __getitem__(self, name: str):
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def replace(self, **changes: object) -> "Config":
        """A copy with some keys changed. Raises KeyError for a key that does not exist."""
        unknown = set(changes) - set(self._values)
        if unknown:
            raise KeyError(f"unknown keys: {sorted(unknown)}")
        return Config({**self._values, **changes}, self.given | set(changes), self.typed)

    def with_defaults(self, defaults: Mapping[str, object]) -> "Config":
        """A copy in which keys that neither an overlay nor the command line set have these values."""
        return Config({**self._values, **{key: value for key, value in defaults.items() if key not in self.given}},
                      self.given, self.typed)

    def save(self, path: str | os.PathLike) -> None:
        """Write the settings as yaml; the file can be given back as --config_path."""
        text = yaml.safe_dump(dict(self._values), sort_keys=False, allow_unicode=True, default_flow_style=None)
        atomic_write(path, text.encode("utf-8"))


def load_config(default_path: str | os.PathLike, argv: Sequence[str] | None = None,
                aliases: Mapping[str, str] | None = None, overrides: Mapping[str, object] | None = None) -> Config:
    """Read the settings of one run.

    Args:
        default_path (str): the model's default_config.yaml.
        argv (list[str]): command line without the program's name; None means no arguments.
        aliases (dict): other documented names of keys, e.g. {"checkpoint": "ckpt_file"}, for flags and overlays. One
            that is a key too stands for the other key on this command line.
        overrides (dict): values that win over the defaults and lose to the overlay and the command line.

    Raises:
        UserError: an unknown or abbreviated key, a value of the wrong type, a file that is missing or no mapping.
    """
    defaults = _read_yaml(default_path)
    aliases, words = aliases or {}, _present_flags(argv or [], defaults)
    parsed = vars(_parser(default_path, defaults, aliases).parse_args(words))
    if words != list(argv or []):
        parsed["convention"] = "--profile", parsed["convention"][1]
    config_path = parsed.pop("config_path", None)
    written = _read_overlay(config_path, default_path, defaults, aliases) if config_path else {}
    read_as({key: f"{config_path}: {name}" for key, (name, _) in written.items()})
    overlay = {key: value for key, (_, value) in written.items()}
    read_as({key: flag for key, (flag, _) in parsed.items()})
    typed = {key: value for key, (_, value) in parsed.items()}
    return Config({**defaults, **overlay, **typed}, set(overlay) | set(typed), typed).with_defaults(overrides or {})


def below_output_path(config: Config, *keys: str) -> Config:
    """On ModelArts the paths of these keys lie below `output_path`, from where results are sent; else as they are."""
    if not config.enable_modelarts:
        return config
    return config.replace(**{key: os.path.join(config.output_path, config[key]) for key in keys})


def present_names(settings: Mapping) -> dict:
    """Settings under the names of today, for checkpoints that were written earlier.

    hmr's conventions were called `profile`, a text; recording updates has that name now, true or false.
    """
    return {"convention" if name == "profile" and isinstance(value, str) else FORMER_NAMES.get(name, name): value
            for name, value in settings.items()}


def _present_flags(argv: Sequence[str], defaults: dict) -> list[str]:
    """The command line with `--convention NAME` for a `--profile NAME` whose value says that it means this."""
    words = list(argv)
    for place, word in enumerate(words if "convention" in defaults else ()):
        flag, equals, value = word.partition("=")
        value = value if equals else (words[place + 1:] or ["--"])[0]
        if flag == "--profile" and value[:2] != "--" and value.lower() not in (*TRUE, *FALSE):
            words[place] = f"--convention{equals}{value if equals else ''}"
    return words


def _read_overlay(path: str, default_path: str | os.PathLike, defaults: dict,
                  aliases: Mapping[str, str]) -> dict[str, tuple[str, object]]:
    """key -> (name in the file, value)."""
    if not os.path.exists(path):
        beside = os.path.join(os.path.dirname(default_path), path)
        raise UserError(f"configuration file {path} does not exist (--config_path)"
                        f"{f'; did you mean {beside}?' if os.path.isfile(beside) else ''}")
    values, known = _read_yaml(path), {**aliases, **{key: key for key in defaults}}
    if "convention" in defaults and isinstance(values.get("profile"), str):
        known["profile"] = "convention"
    unknown = [name for name in values if name not in known]
    if unknown:
        model = os.path.basename(os.path.dirname(os.path.abspath(default_path)))
        others = f"; {len(unknown)} of its {len(values)} keys are not those of {model}: is it a file of another model?"
        raise UserError(f"{path}: unknown key {brief(unknown[0])}{suggest(str(unknown[0]), defaults)}"
                        f"{others if len(unknown) > 1 else ''}")
    found = {}
    for name, value in values.items():
        before, _ = found.setdefault(known[name], (name, None))
        if before != name:
            raise UserError(f"{path}: {before} and {name} are the same setting; leave one of them out")
        value = home_path(value) if isinstance(value, str) else value
        found[known[name]] = name, check_type(value, defaults[known[name]], f"{path}: {name}")
    return found


def _read_yaml(path: str | os.PathLike) -> dict:
    values = read_yaml(path, f"configuration file {path}")
    if not isinstance(values, dict):
        raise UserError(f"configuration file {path} must hold lines of the form 'key: value'")
    return values


def _sections(path: str | os.PathLike) -> list[tuple[str, tuple[str, ...], dict[str, str]]]:
    """The sections of a default file: list of (title, its commands, key -> the comment at the end of its line)."""
    sections = [("Settings", (), {})]
    with open(path, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    for before, line in zip(["", *lines], lines):
        key = re.match(r"(\w+)\s*:(?:.*?\s#\s*(.*))?", line)
        if key:
            sections[-1][2][key[1]] = key[2] or ""
        elif line.startswith("# ") and not before.startswith("#"):
            title, commands = re.match(r"# (.*?)\s*(?:\(((?:\w+\.py[ ,]*)+)\))?$", line).groups()
            sections.append((title, tuple(re.findall(r"(\w+)\.py", commands or "")), {}))
    return [section for section in sections if section[2]]


def _parser(path: str | os.PathLike, defaults: dict, aliases: Mapping[str, str]) -> Arguments:
    parser = Arguments(
        argument_default=argparse.SUPPRESS,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=34, width=120),
        description=f"Settings and their defaults stand in {os.path.basename(path)}. "
                    "Booleans: --key, --key true or --key false. Lists: --key 1,2,3.")
    parser.add_argument("--config_path", metavar="YAML", help="a yaml file whose keys replace the defaults")
    other_names = {}
    for alias, key in aliases.items():
        other_names.setdefault(key, []).append(alias)
    # What this command alone uses comes first, then what it shares with others; the rest is only named.
    command = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    parser.usage = f"{command}.py [--config_path YAML] [--key value ...]"
    unused = []
    for title, commands, comments in sorted(_sections(path), key=lambda section: len(section[1]) or math.inf):
        used = not commands or command in commands
        group = parser.add_argument_group(title)
        for key, comment in comments.items():
            default, names = defaults[key], [key, *other_names.get(key, [])]
            names = [name for name in names if aliases.get(name, key) == key]
            if not names:
                continue
            optional = {"nargs": "?", "const": True} if isinstance(default, bool) else {}
            group.add_argument(*(f"--{name}" for name in names), dest=key, action=_Store, default_value=default,
                               metavar=type(default).__name__.upper(), **optional,
                               help=f"{comment} [{_show(default)}]".replace("%", "%%") if used else argparse.SUPPRESS)
            unused += [] if used else [f"--{key}"]
    if unused:
        parser.epilog = f"Taken too, but not used by {command}.py: {', '.join(unused)}"
    return parser


def _show(value: object) -> object:
    return "''" if value == "" else str(value).lower() if isinstance(value, bool) else value


class _Store(argparse.Action):
    """Keeps the flag that was typed and its value, of the default's type. Of several values the last counts."""

    def __init__(self, *args: Any, default_value: object, **options: Any):
        super().__init__(*args, **options)
        self.default_value = default_value

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, text: str | bool,
                 flag: str) -> None:
        try:
            value = True if text is True else _from_text(text, self.default_value)
        except ValueError:
            raise UserError(f"{flag}: {brief(text)} is not {_kind(self.default_value)}") from None
        before = getattr(namespace, self.dest, None)
        if before is not None and before[1] != value:
            LOGGER.warning("%s %s does not count: %s %s follows it", before[0], _show(before[1]), flag, _show(value))
        setattr(namespace, self.dest, (flag, value))


def _from_text(text: str, default: object):
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
    if not _can_be_a_name(text):
        raise ValueError(text)
    return text


def _can_be_a_name(text: str) -> bool:
    """Whether a text's letters can stand in the name of a file: no NUL, no half of a surrogate pair."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _finite(value: float) -> float:
    """A float that is neither infinite nor NaN: with those a run would fail much later, or never say why."""
    if not math.isfinite(value):
        raise ValueError(value)
    return value


def check_type(value: object, default: object, where: str) -> object:
    """A value, which must have the type of the default; whole numbers are fine for floats, and become floats.

    Raises:
        UserError: another type; `where` names file and key.
    """
    if isinstance(default, float) and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _finite(float(value))
        except (ValueError, OverflowError):
            raise UserError(f"{where}: {brief(value)} is not {_kind(default)}") from None
    if isinstance(default, list):
        if not isinstance(value, list):
            raise UserError(f"{where}: {brief(value)} is not a list, as in [1, 2]")
        return [check_type(item, default[0], where) for item in value] if default else value
    if type(value) is not type(default) or isinstance(value, str) and not _can_be_a_name(value):
        hint = " (yaml reads 1e-4 as text: write 1.0e-4)" if isinstance(default, float) else ""
        raise UserError(f"{where}: {brief(value)} is not {_kind(default)}{hint}")
    return value


def _kind(default: object) -> str:
    if isinstance(default, list):
        return f"a list of {_kind(default[0]).split(' ', 1)[1]}s" if default else "a list"
    return {bool: "a boolean (true or false)", int: "a whole number", float: "a number", str: "a text"}[type(default)]
