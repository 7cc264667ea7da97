"""A pretend mail server: it takes what it is handed over SMTP, and keeps it to be looked at."""

from sandbox.mail.server import MailServer, Received

__all__ = ["MailServer", "Received"]
