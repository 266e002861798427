"""`python -m portweave`, the same as the `portweave` command."""

import sys

from portweave.cli import main

sys.exit(main())
