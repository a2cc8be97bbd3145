"""What goes on by itself: message statuses move, webhooks are under way."""
