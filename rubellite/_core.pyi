"""The typed border: what the compiled core offers to Python."""

from typing import Any, Final, TypeAlias

Reply: TypeAlias = Any

__version__: str
NULL_ARRAY: Final[Special]
NOTHING: Final[Special]

def set_errors(table: dict[str, Any], base: type, raw: type) -> None: ...
def glob_matches(pattern: bytes, text: bytes, ignore_case: bool = False) -> bool: ...
def memory_used() -> int: ...
