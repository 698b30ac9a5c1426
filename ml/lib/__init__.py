"""What every model shares. Pure functions on arrays where possible; MLflow, Evidently and scikit-learn come in late."""
