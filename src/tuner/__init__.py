"""tuner: training recipes for neural networks."""
