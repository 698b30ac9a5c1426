"""One folder for each model: spec, train, predict, evaluate and its card. Discovered by folder name."""
