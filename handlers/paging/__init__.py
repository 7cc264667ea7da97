"""What goes to people outside Slack: one module for each way, and the announcer of all of them."""
