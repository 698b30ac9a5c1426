"""@@title: one slice of the API, endpoints → service → repository (docs/adding-a-domain.md)."""
