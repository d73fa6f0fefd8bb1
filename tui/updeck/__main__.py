"""`python -m updeck`: the same as the script `updeck`."""

import sys

from updeck.cli import run

sys.exit(run())
