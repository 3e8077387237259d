"""What people see: an answer in each form, errors, the course of a training run."""
