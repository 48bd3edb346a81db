"""`--check-config FILE`: whether a configuration can be used, and what of it has no effect."""

from __future__ import annotations

import sys

from rubellite.config import Config, ConfigFileError, Loader
from rubellite.config.loading import read_file


def check_config(arguments: list[str]) -> int:
    """Prints what it finds; 0 if a server would start with the file."""
    if len(arguments) != 1:
        sys.stderr.write("--check-config takes one file\n")
        return 1
    path = arguments[0]
    loader = Loader(Config())
    try:
        loader.apply(read_file(path))
        loader.refuse_the_unsafe()
    except ConfigFileError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    idle = loader.without_effect()
    for line, setting in idle:
        print(f"{line}: {setting.name}: accepted, without effect here ({setting.help})")
    print(f"{path}: fine; {_count(len(idle))} without effect")
    return 0


def _count(number: int) -> str:
    return "no parameter" if not number else f"{number} parameter{'s' if number > 1 else ''}"
