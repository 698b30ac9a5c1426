"""What can be asked of a running Nexus about itself: metrics, and the spans of a trace."""
