"""PayPal: transaction search, subscriptions and payouts."""
