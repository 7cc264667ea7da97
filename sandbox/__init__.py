"""A pretend Slack workspace on loopback, strict as Slack is, for trying and testing an app: it knows no app's code."""
