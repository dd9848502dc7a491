"""`python -m leads_api` is the `leads` command."""

import sys

from leads_api.cli.main import main

sys.exit(main())
