"""What happens in the demo company, in its own words: no provider's format here.

Order of cause: accounts → health → billing → users → mail → logins → files → incidents.
"""
