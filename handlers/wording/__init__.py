"""Every sentence people read, written once for Slack, HTTP and the command line; plain text, no markup."""
