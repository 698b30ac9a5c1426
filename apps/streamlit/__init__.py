"""The pages of one workspace: app.py starts them, `app_pages` holds one file a page."""
