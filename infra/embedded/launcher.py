"""Starts one program so that it cannot outlive its parent, optionally as another user. Run as a script, not imported.

    python -IS launcher.py PARENT_PID DEATH_SIGNAL UID GID PROGRAM [ARGUMENT...]

An own small program rather than a `preexec_fn`, which may deadlock in a process with threads. UID and GID -1 keep the
user. The kernel forgets the death signal when the user changes, so it is asked for afterwards; the parent may have died
before that, so it is looked at once more. The kernel sends the signal when the *thread* that started us ends: start
servers from a thread that lives as long as they shall.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
EXIT_ORPHANED = 75
EXIT_NO_PROGRAM = 127


def _change_user(uid: int, gid: int) -> None:
    if uid < 0:
        return
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _die_with(parent: int, signal_number: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent:
        sys.exit(EXIT_ORPHANED)


def main(arguments: list[str]) -> None:
    """Change user, tie the life to the parent's, become the program."""
    parent, signal_number, uid, gid = (int(word) for word in arguments[:4])
    program = arguments[4:]
    _change_user(uid, gid)
    if sys.platform == "linux":
        _die_with(parent, signal_number)
    try:
        os.execv(program[0], program)  # noqa: S606 - the caller's own program; no shell is meant
    except OSError as error:
        sys.stderr.write(f"cannot start {program[0]}: {error}\n")
        sys.exit(EXIT_NO_PROGRAM)


if __name__ == "__main__":
    main(sys.argv[1:])
