"""`python -m portweave`, the same as the `portweave` command."""

import sys

from portweave.entry import main

sys.exit(main())
