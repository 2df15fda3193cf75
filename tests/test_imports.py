"""Who may import whom: `RULES` are the arrows, checked by an ast walk."""

import ast
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# Folder or file -> what it may import besides the standard library; the first that
# fits counts. "lazy" names may be imported inside functions alone.
RULES = [
    ("zoo/genotypes/", {"top": ("zoo.genotypes",), "lazy": ()}),
    ("zoo/launch.py", {"top": ("zoo", "absl", "gin"), "lazy": ()}),
    ("zoo/flags.py", {"top": ("zoo", "absl"), "lazy": ()}),
    (
        (
            *("zoo/train.py", "zoo/evaluate.py", "zoo/predict.py"),
            *("zoo/benchmark.py", "zoo/export.py"),
        ),
        {
            "top": ("zoo", "keras", "numpy", "absl"),
            "lazy": ("tensorflow", "datasets"),
        },
    ),
    ("zoo/predictor.py", {"top": ("zoo", "keras", "numpy"), "lazy": ("av",)}),
    (
        "zoo/",
        {
            "top": ("zoo", "keras", "numpy"),
            "lazy": ("tensorflow", "tensorboard", "jax", "matplotlib", "safetensors"),
        },
    ),
    ("search/spaces/", {"top": ("zoo.genotypes", "search.spaces"), "lazy": ()}),
    (
        ("search/report.py", "search/figures.py", "search/story.py"),
        {"top": ("zoo", "search"), "lazy": ("plotly",)},
    ),
    (
        "search/",
        {
            "top": ("zoo", "search", "keras", "keras_tuner", "numpy", "grpc", "h5py"),
            "lazy": ("tensorflow", "tensorboard", "jax"),
        },
    ),
    (
        ("datasets/moving_shapes.py", "datasets/shapes.py"),
        {"top": ("numpy", "datasets.shapes", "datasets.order"), "lazy": ()},
    ),
    (
        "datasets/sheet.py",
        {
            "top": ("datasets", "numpy", "zoo.launch"),
            "lazy": ("matplotlib", "zoo.genotypes"),
        },
    ),
    (
        ("datasets/prepare.py", "datasets/check.py"),
        {"top": ("datasets", "numpy", "av", "zoo.command"), "lazy": ("zoo.launch",)},
    ),
    (
        "datasets/flow.py",
        {
            "top": ("datasets", "numpy", "av"),
            "lazy": ("keras", "zoo.inference", "zoo.layers.flow"),
        },
    ),
    (
        "datasets/builders.py",
        {"top": ("datasets", "numpy", "av", "tensorflow_datasets"), "lazy": ()},
    ),
    (
        "datasets/",
        {"top": ("datasets", "numpy", "av"), "lazy": ("tensorflow",)},
    ),
]
JOB_MODULES = {
    "zoo.train",
    "zoo.evaluate",
    "zoo.export",
    "zoo.predict",
    "zoo.benchmark",
    "search.run",
    "search.report",
    "datasets.check",
    "datasets.prepare",
    "datasets.sheet",
}
SOURCES = sorted(
    str(path.relative_to(ROOT))
    for folder in ("zoo", "search", "datasets")
    for path in (ROOT / folder).rglob("*.py")
)


def imports(tree: ast.AST, inside_function: bool = False):
    """Yields (module name, whether a function imports it) for every import."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside_function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield f"{node.module}.{alias.name}", inside_function
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from imports(node, inside_function or function)


def within(module: str, allowed: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def broken_arrows(path: str, source: str) -> list[str]:
    rule = next(rule for start, rule in RULES if path.startswith(start))
    broken = []
    for module, lazy in imports(ast.parse(source)):
        allowed = (*rule["top"], *rule["lazy"]) if lazy else rule["top"]
        standard = module.split(".")[0] in sys.stdlib_module_names
        if not standard and not within(module, allowed):
            broken.append(module)
        if within(module, tuple(JOB_MODULES)):
            broken.append(f"{module} (a job)")
    return broken


@pytest.mark.parametrize("path", SOURCES)
def test_imports_follow_the_arrows(path):
    assert broken_arrows(path, (ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("zoo/genotypes/a.py", "import numpy"),
        ("zoo/models/a.py", "import tensorflow as tf"),
        ("zoo/models/a.py", "def f():\n    import search.run"),
        ("zoo/layers/a.py", "from datasets import folder"),
        ("zoo/metrics.py", "import gin"),
        ("search/spaces/a.py", "from zoo.models import tiny_video"),
        ("search/tuner.py", "from datasets import folder"),
        ("search/tuner.py", "from zoo import train"),
        ("search/tuner.py", "def f():\n    import plotly"),
        ("search/run.py", "from search import report"),
        ("search/report.py", "import keras"),
        ("search/run.py", "def f():\n    from datasets import folder"),
        ("datasets/folder.py", "from zoo.models import tiny_video"),
        ("datasets/batches.py", "import tensorflow as tf"),
        ("datasets/moving_shapes.py", "import tensorflow"),
        ("datasets/source.py", "from zoo.genotypes import ClipSpec"),
        ("datasets/shards.py", "import tensorflow_datasets"),
        ("datasets/check.py", "from zoo import launch"),
    ],
)
def test_a_wrong_import_is_found(path, source):
    assert broken_arrows(path, source)


def test_the_config_folder_is_no_package():
    assert not list((ROOT / "gin").rglob("__init__.py"))
