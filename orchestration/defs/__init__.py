"""What stands in the graph besides sources and dbt models: publication, features, models, schedules.

Each module offers `assets(settings, …)`; bodies are wrappers of a few lines around warehouse, features and ml.
"""
