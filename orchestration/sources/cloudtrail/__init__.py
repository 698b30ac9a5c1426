"""AWS CloudTrail: who called which AWS API, from where, with what outcome."""
