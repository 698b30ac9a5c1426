"""What providers post to us: webhooks of sources."""
