"""The command line."""

from pawlab.cli.commands import app as app
from pawlab.cli.main import main as main
