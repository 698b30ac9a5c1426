"""All SQL of the provider, by table. Sessions are those of `Database.system()`: tokens come before a tenant is known."""
