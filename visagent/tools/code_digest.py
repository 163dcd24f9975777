"""What a tool's results depend on beside its arguments: a digest of its code and of what the code holds on to.

A person changes a tool of their own and runs it again; a notebook changes a constant in another cell; two folders each
have a `my_tools.py`. So the key of a kept result holds the content of the file that the function stands in, where that
file is, the content of the person's other files that it imports, the constants that it names, its defaults and its
closure. Code typed into a prompt or a notebook has no file: there the compiled code is digested, with every function
and value that it names. What is held and cannot be digested by content, such as an open model, makes the results
unfit to be kept. Knows no cache.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import inspect
import os
import re
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from pathlib import Path, PurePath
from typing import Any

from pydantic import BaseModel

from visagent.tools.binding import Tool

_INSTALLED = tuple({str(Path(sysconfig.get_path(kind)).resolve()) for kind in ("stdlib", "purelib", "platlib")})
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), date, time, PurePath)


class Unknowable(Exception):
    """Something is held whose content cannot be digested; never leaves the package."""


def code_digest(function: Callable[..., Any]) -> str | None:
    """A digest of what a function's results depend on beside its arguments; None where that cannot be determined."""
    try:
        parts = _function(function, frozenset())
    except (Unknowable, RecursionError):
        return None
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _function(function: Any, seen: frozenset[int]) -> Any:
    """A function by its code, its defaults and what it holds."""
    if id(function) in seen:
        return "above"
    seen = seen | {id(function)}
    if isinstance(function, types.MethodType):
        return _function(function.__func__, seen), _value(function.__self__, seen)
    if not isinstance(function, types.FunctionType):
        return function.__module__, function.__qualname__
    held = [_value(cell.cell_contents, seen) for cell in function.__closure__ or () if not _is_empty(cell)]
    defaults = _value([function.__defaults__, function.__kwdefaults__], seen)
    source = _source(function.__module__, function.__code__.co_filename)
    named = {name: function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__}
    if source is not None:
        # What stands in a file and is no constant was made by the file's own code.
        globals_ = {name: repr(value) for name, value in named.items() if isinstance(value, _PLAIN)}
        return function.__qualname__, source, sorted(globals_.items()), held, defaults
    globals_ = {name: _value(value, seen) for name, value in named.items()}
    return function.__qualname__, _compiled(function.__code__), sorted(globals_.items()), held, defaults


def _value(value: Any, seen: frozenset[int]) -> Any:
    """A value by its content.

    Raises:
        Unknowable: its content cannot be digested.
    """
    if isinstance(value, enum.Enum):
        return type(value).__qualname__, value.name
    if isinstance(value, _PLAIN):
        return type(value).__name__, repr(value)
    if isinstance(value, list | tuple):
        return type(value).__name__, [_value(item, seen) for item in value]
    if isinstance(value, set | frozenset):
        return type(value).__name__, sorted(repr(_value(item, seen)) for item in value)
    if isinstance(value, Mapping):
        return "mapping", [(_value(key, seen), _value(item, seen)) for key, item in value.items()]
    if isinstance(value, Tool):
        return _function(value.function, seen)
    if isinstance(value, functools.partial):
        return _function(value.func, seen), _value([value.args, value.keywords], seen)
    if inspect.isroutine(value):
        return _function(value, seen)
    if isinstance(value, types.ModuleType):
        return value.__name__, _source(value.__name__, getattr(value, "__file__", None) or "")
    if isinstance(value, type):
        return _class(value, seen)
    if isinstance(value, re.Pattern):
        return value.pattern, value.flags
    if isinstance(value, BaseModel):
        return _class(type(value), seen), value.model_dump_json()
    if dataclasses.is_dataclass(value):
        fields = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return _class(type(value), seen), _value(fields, seen)
    return _pixels(value)


def _class(kind: type, seen: frozenset[int]) -> Any:
    """A class by its file, or by what it is made of where it has none."""
    source = _source(kind.__module__, getattr(sys.modules.get(kind.__module__), "__file__", None) or "")
    if source is not None or kind.__module__ != "__main__":
        return kind.__module__, kind.__qualname__, source
    if id(kind) in seen:
        return "above"
    seen = seen | {id(kind)}
    own = {name: item for name, item in vars(kind).items() if not name.startswith("__") or inspect.isroutine(item)}
    known = {name: _value(item, seen) for name, item in own.items() if inspect.isroutine(item) or _is_plain(item)}
    return kind.__qualname__, [base.__qualname__ for base in kind.__mro__], sorted(known.items())


def _pixels(value: Any) -> Any:
    """An array or a picture by what it holds."""
    arrays, pictures = sys.modules.get("numpy"), sys.modules.get("PIL.Image")
    if arrays is not None and isinstance(value, arrays.ndarray | arrays.generic) and not value.dtype.hasobject:
        return str(value.dtype), value.shape, hashlib.sha256(value.tobytes()).hexdigest()
    if pictures is not None and isinstance(value, pictures.Image):
        return value.mode, value.size, hashlib.sha256(value.tobytes()).hexdigest()
    raise Unknowable(type(value).__name__)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (*_PLAIN, list, tuple, dict))


def _is_empty(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:  # a function that is defined further down
        return True
    return False


def _compiled(code: types.CodeType) -> Any:
    """Compiled code without the place where it was written down."""
    constants = [_compiled(item) if isinstance(item, types.CodeType) else repr(item) for item in code.co_consts]
    return code.co_code.hex(), constants, code.co_names, code.co_varnames


def _names(code: types.CodeType) -> Iterator[str]:
    """The names that code looks up outside itself, those of functions inside it included."""
    yield from code.co_names
    for item in code.co_consts:
        if isinstance(item, types.CodeType):
            yield from _names(item)


def _source(module: str, file: str) -> Any:
    """Where a module's file is, and its content with that of the person's other files which it imports; None without.

    Of an installed package, its own file stands for the rest, and of visagent, the version.
    """
    if module.partition(".")[0] == "visagent":
        from visagent import __version__

        return module, __version__
    if (files := _files(module, file)) is None:
        return None
    return module, [(name, _content(name, changed)) for name in files if (changed := _changed(name)) is not None]


def _changed(file: str) -> int | None:
    """When a file was changed; None where there is none."""
    try:
        return os.stat(file).st_mtime_ns  # noqa: PTH116, for each call of each tool
    except OSError:
        return None


@functools.lru_cache(512)
def _files(module: str, file: str) -> tuple[str, ...] | None:
    """The files that stand for a module; None where it has none."""
    path = Path(file)
    if not path.is_file():
        return None
    own = str(path.resolve())
    return (own,) if _is_installed(own) else tuple(sorted({own, *_imported(module)}))


def _is_installed(file: str) -> bool:
    return file.startswith(_INSTALLED)


@functools.lru_cache(512)
def _content(file: str, _changed: int) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def _imported(module: str) -> tuple[str, ...]:
    """Files of the person's own modules that a module names, and of those that these name."""
    files: dict[str, None] = {}
    waiting = [module]
    known = {module}
    while waiting:
        for value in list(vars(sys.modules.get(waiting.pop(), types)).values()):
            name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
            if not isinstance(name, str) or name in known or name.partition(".")[0] == "visagent":
                continue
            known.add(name)
            file = getattr(sys.modules.get(name), "__file__", None)
            if file and not _is_installed(found := str(Path(file).resolve())):
                files[found] = None
                waiting.append(name)
    return tuple(files)
