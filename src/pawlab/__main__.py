"""`python -m pawlab`, and the program `pawlab`: the command line."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly while it is still being imported, too."""
    try:
        from pawlab.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
