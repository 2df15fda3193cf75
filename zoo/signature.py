"""What a function takes, without importing its module, which may take many seconds."""

import ast
import functools
import importlib.util
import inspect
import pathlib
import sys
from inspect import Parameter, Signature


def signature(path: str) -> Signature:
    """The arguments of a function, or of what makes a class, at a dotted path.

    Annotations and defaults are as the source has them where the module is not
    imported yet.
    """
    module, _, name = path.rpartition(".")
    if module in sys.modules:
        return inspect.signature(getattr(sys.modules[module], name))
    node = _definition(module, name)
    if isinstance(node, ast.ClassDef):
        node = next(n for n in node.body if getattr(n, "name", "") == "__init__")
        return Signature(_parameters(node.args)[1:])
    return Signature(_parameters(node.args))


def summary(path: str) -> str:
    """The first line of the docstring of a function at a dotted path."""
    module, _, name = path.rpartition(".")
    if module in sys.modules:
        text = inspect.getdoc(getattr(sys.modules[module], name))
    else:
        text = ast.get_docstring(_definition(module, name))
    return text.partition("\n")[0]


class _Source(str):
    """A piece of source, shown without quotes."""

    def __repr__(self) -> str:
        return str(self)


@functools.cache
def _definition(module: str, name: str) -> ast.FunctionDef | ast.ClassDef:
    file = importlib.util.find_spec(module).origin
    tree = ast.parse(pathlib.Path(file).read_text(encoding="utf-8"))
    return next(node for node in tree.body if getattr(node, "name", "") == name)


def _parameters(arguments: ast.arguments) -> list[Parameter]:
    plain = arguments.posonlyargs + arguments.args
    missing = [None] * (len(plain) - len(arguments.defaults))
    kinds = [
        (Parameter.POSITIONAL_OR_KEYWORD, plain, missing + arguments.defaults),
        (Parameter.VAR_POSITIONAL, [arguments.vararg], [None]),
        (Parameter.KEYWORD_ONLY, arguments.kwonlyargs, arguments.kw_defaults),
        (Parameter.VAR_KEYWORD, [arguments.kwarg], [None]),
    ]
    return [
        Parameter(
            argument.arg,
            kind,
            default=_source(default),
            annotation=_source(argument.annotation),
        )
        for kind, found, defaults in kinds
        for argument, default in zip(found, defaults, strict=True)
        if argument is not None
    ]


def _source(node: ast.expr | None) -> object:
    return Parameter.empty if node is None else _Source(ast.unparse(node))
