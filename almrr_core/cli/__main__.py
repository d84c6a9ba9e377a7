"""`python -m almrr_core.cli` is the command `almrr`."""

import sys

from almrr_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
