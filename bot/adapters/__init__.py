"""One outside system per file; each implements a Protocol of bot.ports and knows no other layer above it."""
