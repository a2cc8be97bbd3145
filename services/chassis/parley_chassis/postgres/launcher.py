"""A program, never imported: becomes the given account, dies with its parent, and turns into the given command.

Arguments: uid, gid, the parent's process id, the command. A parent full of threads must not run code of its own
between fork and exec, and a change of account clears the wish to die with the parent: hence this step in between.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    uid, gid, parent = (int(value) for value in sys.argv[1:4])
    command = sys.argv[4:]
    libc = ctypes.CDLL(None)
    if os.geteuid() != uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    if sys.platform == "linux":
        # To PostgreSQL this signal is a fast shutdown: clients are cut off, what is committed is kept.
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the process that started PostgreSQL is gone")
    os.execv(command[0], command)  # noqa: S606


main()
