"""The entry point: runs a command, and turns errors into one line and an exit code."""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from pawlab.cli.commands import app
from pawlab.cli.mistakes import sentence_on
from pawlab.cli.terminal import drop_output, prepare_streams, say
from pawlab.errors import PawlabError, lack_of_memory, system_sentence
from pawlab.names import on_terminal

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_A_MOMENT = 0.05  # seconds, in which a call-back is over
_INTERRUPTED = 130  # as shells have it: 128 + SIGINT


def main() -> None:
    """Run a command. Exit codes: 0 done; 2 a mistake of the user's, in one line; 1 our own fault, or output that can't
    be written."""
    prepare_streams()
    code = _exit_code()
    try:
        sys.stdout.flush()
    except OSError as error:
        unwritten = _report_unwritten(error)
        code = code or unwritten
    sys.exit(code)


def _trim() -> None:
    """Keep the cache to its limit, where there is one."""
    if "PAWLAB_CACHE_MB" in os.environ:
        from pawlab.storage.cache import trim

        trim()


def _exit_code() -> int:
    """Run the command, report what goes wrong, and return the exit code."""
    try:
        with _messages(), _former_names(), _ending_as_by_ctrl_c():
            _require_working_folder()
            _trim()  # a wrong limit is said before the work
            code = app(prog_name="pawlab", standalone_mode=False)
            _trim()
    except (PawlabError, typer.TyperException) as error:
        lack = lack_of_memory(error.__cause__)
        code = _report_mistake(error if lack is None else PawlabError(lack))
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        code = 0  # Typer and rich end a program whose output nobody reads any further
    except Exception as error:  # a library may have made one of its own out of an interrupt
        code = _INTERRUPTED if _Asked.to_end else _report_failure(error)
    if code == _INTERRUPTED:  # Typer turns Ctrl-C into this code by itself
        say("pawlab: stopped.", always=True)
    return code if isinstance(code, int) else 0


def _report_failure(error: Exception) -> int:
    if _is_of_output(error):
        return _report_unwritten(error)
    sentence = system_sentence(error)
    return _report_own_fault() if sentence is None else _report_mistake(PawlabError(sentence))


def _require_working_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise PawlabError("the working folder is gone. Change to one that exists, as with `cd ~`.") from error


def _is_of_output(error: Exception) -> bool:
    """Whether a full disk lies behind standard output: for files, that is an OutputError."""
    return isinstance(error, OSError) and error.errno in _FULL and error.filename is None


def _report_unwritten(error: Any) -> int:
    drop_output()
    if isinstance(error, BrokenPipeError):  # whoever read our output has had enough
        return 0
    say(f"pawlab: can't write to standard output: {error.strerror or error}.", always=True)
    return 1


@contextmanager
def _ending_as_by_ctrl_c() -> Iterator[None]:
    """Let what ends a program, SIGTERM from a supervisor or SIGHUP from a closed terminal, do what Ctrl-C does: what is
    half-written vanishes. Whoever ignores a signal, as `nohup` does, keeps ignoring it.
    """
    _Asked.to_end = False
    ending = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in ending if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, _end)
    hook, sys.unraisablehook = sys.unraisablehook, _interrupt_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


class _Asked:
    """Whether a signal has asked the program to end."""

    to_end = False


def _end(*_: object) -> None:
    _Asked.to_end = True
    raise KeyboardInterrupt


def _interrupt_again(lost: "sys.UnraisableHookArgs") -> None:
    """Interrupt once more where Python had to drop an interrupt: it fell into a library's call-back or a destructor."""
    if lost.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(lost)
        return
    import threading

    again = threading.Timer(_A_MOMENT, _interrupt)
    again.daemon = True
    again.start()


def _interrupt() -> None:
    """Interrupt the main thread, which on Windows can't be woken where it waits for the system."""
    if sys.platform == "win32":
        import _thread

        _thread.interrupt_main()
    else:
        import threading

        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@contextmanager
def _messages() -> Iterator[None]:
    """Show pawlab's own messages as they are, whatever other libraries do with logging meanwhile."""
    import logging

    class Plain(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return on_terminal(super().format(record), "\n")

    log, handler = logging.getLogger("pawlab"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(Plain())
    log.addHandler(handler)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = True


@contextmanager
def _former_names() -> Iterator[None]:
    """Say where a name that pawlab has changed is still used, as in a recipe file; Python keeps that to itself."""
    import warnings

    with warnings.catch_warnings():
        show = warnings.showwarning
        warnings.filterwarnings("default", r".* is now ", DeprecationWarning)

        def say_or_show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if category is DeprecationWarning:
                say(f"pawlab: {message}.")
            else:
                show(message, category, *where, **more)

        warnings.showwarning = say_or_show
        yield


def _report_mistake(error: Exception) -> int:
    message = sentence_on(error, _command_named()) if isinstance(error, typer.TyperException) else str(error)
    say(f"pawlab: {' '.join(message.split())}", always=True)
    return 2


def _report_own_fault() -> int:
    import traceback

    traceback.print_exc()
    say("pawlab: this is our own fault, not yours. Please report it with the lines above.", always=True)
    return 1


def _command_named() -> str:
    """Return `pawlab COMMAND` where one was given that exists, so that the hint leads to its help."""
    given = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    return f"pawlab {given}" if given in known else "pawlab"
