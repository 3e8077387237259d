"""A run with several seeds: one folder, one member a seed, trained by worker processes as many at once as fit.

Nothing in the parent process imports torch: `opening` finds or makes the folder, `pool` hands the members to workers
and passes on what they tell, `worker` is such a process.
"""
