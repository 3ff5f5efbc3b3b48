"""The command line."""

from pawlab.cli.commands import app as app
from pawlab.cli.commands import main as main
