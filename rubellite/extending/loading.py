"""From a file or a module's name to what it declares.

A file is imported under its own name, once in a process; its folder joins the end of
`sys.path`, so that it can import its neighbours.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from rubellite.extending.declaring import Declared, declarations_of

#: A file's path, a module's name, a module, or a declared function.
Source = str | os.PathLike[str] | ModuleType | Callable[..., Any]


class ExtensionError(ValueError):
    """A module or a command cannot be added; `str()` is one line that says why.

    What an import raised is its `__cause__`.
    """


def declared_by(source: Source) -> list[Declared]:
    """The commands and triggers that a source declares, in its order.

    Fails with `ExtensionError` where it cannot be imported or declares nothing.
    """
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        scope: Any = _imported(name)
    else:
        name, scope = getattr(source, "__name__", repr(source)), source
    if isinstance(scope, ModuleType):
        # By way of a dictionary: a function may have two names.
        found = {id(item): item for item in vars(scope).values()}
        declared = [entry for item in found.values() for entry in declarations_of(item)]
    else:
        declared = list(declarations_of(scope))
    if not declared:
        raise ExtensionError(
            f"{name}: it declares no command and no trigger (`@command`, `@on` of "
            "rubellite.extending)"
        )
    return declared


def is_path(name: str) -> bool:
    """Whether a source's text is a file's path, and not a module's name."""
    return name.endswith(".py") or os.sep in name


def _imported(name: str) -> ModuleType:
    try:
        return _import_file(os.path.abspath(name)) if is_path(name) else _import_module(name)
    except ExtensionError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        text = str(problem).partition("\n")[0]
        detail = f"{type(problem).__name__}: {text}" if text else type(problem).__name__
        raise ExtensionError(f"{name}: {detail}") from problem


def _import_module(name: str) -> ModuleType:
    return importlib.import_module(name)


def _import_file(path: str) -> ModuleType:
    path = os.path.realpath(path)
    for known in list(sys.modules.values()):
        if _origin(known) == path:
            return known
    if not os.path.isfile(path):
        raise ExtensionError(f"{path}: there is no such file")
    folder, file = os.path.split(path)
    stem = file.removesuffix(".py")
    # Somebody else's module of this name stays what it is.
    name, number = stem, 1
    while name in sys.modules or (number == 1 and _is_found(stem, path)):
        number += 1
        name = f"{stem}_{number}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ExtensionError(f"{path}: not a Python file (its name must end in .py)")
    if folder not in sys.path:
        sys.path.append(folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _origin(module: ModuleType) -> str | None:
    path = getattr(module, "__file__", None)
    return os.path.realpath(path) if isinstance(path, str) and path.endswith(".py") else None


def _is_found(stem: str, path: str) -> bool:
    """Whether `import stem` means another file than `path`."""
    if not stem.isidentifier():
        return False
    try:
        spec = importlib.util.find_spec(stem)
    except (ImportError, ValueError):
        return True
    return spec is not None and (spec.origin is None or os.path.realpath(spec.origin) != path)
