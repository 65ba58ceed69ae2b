"""The curves of a training run: metrics.csv -> one image with losses, metrics and learning rate in panels."""
import csv

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from common.errors import UserError
from common.files import atomic_path

_UNITS = {"mm": "mm", "px": "px", "deg": "degrees", "ms": "ms", "s": "s", "percent": "%"}
_PALETTE = ("#266ebd", "#d64541", "#2a9d66", "#8a5fb5", "#d98a1f", "#3e4451", "#14a3a8", "#b5527f")
# Above this number of points a curve gets a running mean, and its own points fade.
_SMOOTH_ABOVE, _SMOOTH_WINDOWS = 200, 60


def plot_curves(csv_path: str, png_path: str) -> None:
    """Draw the columns of a metrics file.

    The file has a header `step,epoch,...` and numbers; cells may be empty. Columns that are filled in the rows of
    `loss` are losses; the others are metrics, one panel per unit (the ending of a name: `error_mm` is in mm).

    Args:
        csv_path (str): metrics file.
        png_path (str): image to write.

    Raises:
        UserError: no such file, or nothing to draw in it.
    """
    steps, columns = _read(csv_path)
    panels = _panels(columns)
    if not panels:
        raise UserError(f"{csv_path} has no numbers to draw; it needs a header step,epoch,... and rows of numbers")
    figure = Figure(figsize=(7.5, 0.5 + 2.7 * len(panels)), dpi=120, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (title, unit, names) in zip(axes, panels):
        _draw_panel(axis, steps, {name: columns[name] for name in names}, title, unit)
    axes[-1].set_xlabel("step")
    axes[-1].xaxis.set_major_locator(MaxNLocator(7, integer=True))
    with atomic_path(png_path) as temporary:
        figure.savefig(temporary)


def _read(path: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Steps (N,) and columns name -> (N,) with NaN for empty cells."""
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            names, rows = reader.fieldnames or [], list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a metrics file ({error})") from error
    if "step" not in names:
        raise UserError(f"{path} has no column named step; it is not a metrics file")
    columns = {name: np.array([_number(row.get(name)) for row in rows]) for name in names}
    return columns.pop("step"), {name: values for name, values in columns.items() if name != "epoch"}


def _number(text: str | None) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return np.nan
    return value if np.isfinite(value) else np.nan


def _panels(columns: dict[str, np.ndarray]) -> list[tuple[str, str, list[str]]]:
    """(title, unit, column names) of each panel that has something to show."""
    filled = {name: ~np.isnan(values) for name, values in columns.items() if not np.isnan(values).all()}
    in_training = filled.get("loss")
    losses, by_unit = [], {}
    for name, present in filled.items():
        if name == "learning_rate":
            continue
        if "loss" in name or (in_training is not None and np.any(present & in_training)):
            losses.append(name)
        else:
            by_unit.setdefault(_UNITS.get(name.rpartition("_")[2], ""), []).append(name)
    panels = [("losses", "", losses)] if losses else []
    panels += [("evaluation", unit, names) for unit, names in by_unit.items()]
    return panels + ([("learning rate", "", ["learning_rate"])] if "learning_rate" in filled else [])


def _draw_panel(axis: Axes, steps: np.ndarray, columns: dict[str, np.ndarray], title: str, unit: str) -> None:
    lowest, highest = np.inf, -np.inf
    for (name, values), colour in zip(columns.items(), _PALETTE * (1 + len(columns) // len(_PALETTE))):
        present = ~np.isnan(values) & ~np.isnan(steps)
        x, y = steps[present], values[present]
        if not len(y):
            continue
        lowest, highest = min(lowest, y.min()), max(highest, y.max())
        label = name.replace("_", " ")
        if len(y) > _SMOOTH_ABOVE and title == "losses":
            axis.plot(x, y, color=colour, alpha=0.22, linewidth=0.7)
            axis.plot(*_running_mean(x, y), color=colour, linewidth=1.8, label=label)
        else:
            marker = "o" if len(y) <= 40 else None
            axis.plot(x, y, color=colour, linewidth=1.8, marker=marker, markersize=3.5, label=label)
    if lowest > 0.0 and highest / lowest > 30.0:
        axis.set_yscale("log")
    axis.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color="#3e4451")
    axis.set_ylabel(unit)
    axis.grid(True, color="#e3e6ea", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    if len(columns) > 1 or title != "learning rate":
        axis.legend(frameon=False, fontsize=8.5, ncols=min(4, len(columns)))


def _running_mean(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over windows of equal numbers of points, at the windows' middles."""
    window = max(2, len(y) // _SMOOTH_WINDOWS)
    kernel = np.ones(window) / window
    return np.convolve(x, kernel, "valid"), np.convolve(y, kernel, "valid")
