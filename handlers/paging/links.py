"""Where a page leads: to the channel in Slack, and to the status page."""

from bot.flows.inquire import IncidentView

Links = tuple[tuple[str, str], ...]


def of_incident(view: IncidentView, pages: str | None) -> Links:
    """Address and text of each; `pages` is our own origin, where there is one."""
    found = []
    channel = None if view.place is None else view.place.get("channel")
    if isinstance(channel, str) and channel.isalnum():
        found.append((f"https://slack.com/app_redirect?channel={channel}", f"{view.incident.id} in Slack"))
    if pages is not None:
        found.append((f"{pages}/status", "The status page"))
    return tuple(found)
