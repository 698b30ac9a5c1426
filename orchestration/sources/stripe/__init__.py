"""Stripe: objects of its API as exports, list pages and webhook events hold them."""
