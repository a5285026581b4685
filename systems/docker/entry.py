"""Begins a container's program: it ends with the Engine, however that ends, and becomes the program.

Run as a file of its own, since nothing may be imported between a fork and the program in a process with threads.
"""

import os
import signal
import sys

_PARENT_DEATH = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def main(engine: int, words: list[str]) -> None:
    """Become the program, unless the Engine is gone already. Code 127 when there is no such program, as in a shell."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)
    if os.getppid() != engine:
        sys.exit(1)
    try:
        os.execvp(words[0], words)
    except OSError as error:
        print(f"{words[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
