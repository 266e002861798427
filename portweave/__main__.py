"""`python -m portweave`, the same as the `portweave` command."""

import sys

from portweave.cli.entry import main

sys.exit(main())
