"""Access logs of web servers (Apache, nginx and others) in the common and combined format."""
