"""What became of e-mail: events of Amazon SES and SendGrid in the providers' own form."""
