"""A search among configs: which trial comes next, who trains it, which are given up, and what becomes of the best.

The run folders of the trials and sweep.json are all there is to know: whoever reads them goes on with the sweep.
"""
