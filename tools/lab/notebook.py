"""Run a notebook without Jupyter: its code cells in order, in one process.

    python tools/lab/notebook.py docs/tour.ipynb            # do they run?
    python tools/lab/notebook.py docs/tour.ipynb --write    # and keep what they give as their outputs

Of each cell the printed text and the value of the last expression are kept: as an image where it has `_repr_jpeg_`,
else as text. The working directory is the repository root.
"""
import ast
import base64
import contextlib
import io
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The repository root comes first, so that `common` is found from every directory.
sys.path.insert(0, ROOT)

from common.arguments import Arguments  # noqa: E402
from common.errors import run  # noqa: E402
from common.files import atomic_write  # noqa: E402
from common.text_files import read_json  # noqa: E402


def execute(notebook):
    """Run the code cells and put what they give into their outputs.

    Args:
        notebook (dict): of nbformat 4; is changed.

    Returns:
        dict: the names that the cells have defined.
    """
    names, cells = {"__name__": "__main__"}, [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells, 1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            value = _last_value("".join(cell["source"]), f"cell {number}", names)
        cell["execution_count"], cell["outputs"] = number, []
        if printed.getvalue():
            cell["outputs"].append({"name": "stdout", "output_type": "stream",
                                    "text": printed.getvalue().splitlines(keepends=True)})
        if value is not None:
            cell["outputs"].append({"data": _shown(value), "execution_count": number, "metadata": {},
                                    "output_type": "execute_result"})
    return names


def _last_value(source, name, names):
    """Run the text of a cell; the value of its last line where that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), names)  # the notebook is a program of this project
    return None if last is None else eval(compile(ast.Expression(last.value), name, "eval"), names)


def _shown(value):
    """An output's data: mime type -> text."""
    text = {"text/plain": [repr(value)]}
    if not hasattr(value, "_repr_jpeg_"):
        return text
    return {"image/jpeg": base64.b64encode(value._repr_jpeg_()).decode(), "text/plain": [f"<{type(value).__name__}>"]}


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("notebook", help="an ipynb file")
    parser.add_argument("--write", action="store_true", help="keep the outputs in the file")
    options = parser.parse_args(argv)
    path = os.path.abspath(options.notebook)
    notebook = read_json(path)
    os.chdir(ROOT)
    execute(notebook)
    if options.write:
        atomic_write(path, (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    run(main)
