"""`python -m pawlab`: the command line."""

from pawlab.cli import main

if __name__ == "__main__":
    main()
