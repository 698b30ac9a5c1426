"""Auth0: logs and users."""
