"""`python -m sandbox`: open a pretend Slack workspace on this machine."""

import sys

from sandbox.command_line import main

sys.exit(main())
