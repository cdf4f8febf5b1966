"""Calls that need torch, for a process that answers without it: a child makes them, and lives as long as they come.

torch and timm take half a gigabyte, which a process that serves would keep beside networks that OpenVINO runs.
"""

import importlib
import importlib.util
import os
import pickle
import subprocess
import sys
import threading
from typing import Any

IDLE = 10.0  # s after a call, when the child ends
_turn = threading.RLock()
_child: subprocess.Popen[bytes] | None = None
_end: threading.Timer | None = None


def with_torch(module: str, function: str, *arguments: Any) -> Any:
    """What a function of a module gives that imports torch.

    It is called here if this process has torch, or needs it as OpenVINO is not installed; else in a child, to and from
    which arguments and result are pickled: nothing from outside is. Raises ValueError and OSError as the function does,
    and ChildProcessError if the child dies.
    """
    global _end
    if "torch" in sys.modules or importlib.util.find_spec("openvino") is None:
        return _call(module, function, *arguments)
    with _turn:
        if _end:
            _end.cancel()
        result = _ask((module, function, *arguments))
        _end = threading.Timer(IDLE, _stop)
        _end.daemon = True
        _end.start()
    if isinstance(result, (ValueError, OSError)):
        raise result
    return result


def _call(module: str, function: str, *arguments: Any) -> Any:
    return getattr(importlib.import_module(module), function)(*arguments)


def _ask(call: tuple[Any, ...]) -> Any:
    """The child's answer to a call, which it is started for if need be."""
    global _child
    if _child is None:
        _child = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for this process; the child ends with it, as its input does
        )
    assert _child.stdin and _child.stdout
    try:
        pickle.dump(call, _child.stdin)
        _child.stdin.flush()
        return pickle.load(_child.stdout)
    except BaseException as error:  # where this process is interrupted, the next call would read this one's answer
        _child.kill()
        code = _stop()
        if isinstance(error, (EOFError, BrokenPipeError, pickle.UnpicklingError)):
            raise ChildProcessError(f"the process that has torch ended with {code}: it prints why") from None
        raise


def _stop() -> int | None:
    """Ends the child, by ending its input; its exit status."""
    global _child
    with _turn:
        ended, _child = _child, None
        if ended:
            ended.communicate()
    return ended.returncode if ended else None


def _serve() -> None:
    """The child's work: the calls that come in by standard input, until that ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            call = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            result = _call(*call)
        except (ValueError, OSError) as error:
            result = error
        pickle.dump(result, answers)
        answers.flush()


if __name__ == "__main__":
    _serve()
