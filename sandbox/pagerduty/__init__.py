"""A pretend PagerDuty: events and changes come in, people are on call, and webhooks go back."""

from sandbox.pagerduty.incidents import Incident
from sandbox.pagerduty.server import FakePagerDuty

__all__ = ["FakePagerDuty", "Incident"]
